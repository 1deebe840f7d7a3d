"""Landmark caches and everything that fills or divides them."""
