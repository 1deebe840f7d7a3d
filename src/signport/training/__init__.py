"""Recipes, the one training loop, checkpoints, runs and evaluation."""
