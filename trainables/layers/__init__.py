"""Convolutions stored as factors; the network sees only the kernel they stand for.

One family a file, named as its arithmetic in `trainables.sizes`; `registry.LAYERS` lists them and
`build.build_conv` makes one.
"""
