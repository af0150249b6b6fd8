"""Everything a trial needs, Ray Tune and torch too, imported by a worker as it starts."""

from tune_app.nodes.gc_paused import gc_paused

with gc_paused():
    import trainables.cifar_trainable  # noqa: F401
