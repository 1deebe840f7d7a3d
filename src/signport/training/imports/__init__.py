"""Trained models of other projects become runs: read safely, mapped onto a family, held to what they answered."""
