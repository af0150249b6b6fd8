"""Convolutions that store factors and behave like the kernel that the factors represent.

Each family has a file of the same name as its arithmetic in `trainables.sizes`. `registry.LAYERS`
lists the families, and `build.build_conv` makes a layer.
"""
