"""Everything a trial needs, Ray Tune and torch too, imported by a worker as it starts."""

from tune_app.nodes.gc_paused import gc_paused
from tune_app.nodes.tune_import import import_tune

with gc_paused():
    import_tune("pandas", "ray.data")
    import trainables.cifar_trainable  # noqa: F401
