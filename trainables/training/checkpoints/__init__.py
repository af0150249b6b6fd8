"""Checkpoints: written whole, kept in a storage near or far, copied there in the background."""
