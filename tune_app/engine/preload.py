"""Everything a trial needs, Ray Tune and torch too, imported by a worker as it starts."""

from tune_app.nodes.gc_paused import collector_at_rest

with collector_at_rest():
    import trainables.cifar_trainable  # noqa: F401
