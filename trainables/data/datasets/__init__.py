"""Loaders, one data set a file: each reads images into a Dataset."""
