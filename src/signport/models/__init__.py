"""Keras models: one file a family, and the preprocessing that travels inside their graphs."""
