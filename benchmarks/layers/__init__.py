"""Decomposed layers beside dense ones, and the page about them."""
