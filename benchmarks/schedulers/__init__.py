"""Judges schedulers and searchers on recorded curves, without training."""
