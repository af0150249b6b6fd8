"""Checkpoints: written whole, kept on a disk or copied to a remote storage in the background."""
