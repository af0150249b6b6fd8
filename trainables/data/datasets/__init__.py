"""Loaders, one file per data set: each reads images into a Dataset."""
