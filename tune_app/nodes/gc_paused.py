"""Faster imports of large packages."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def gc_paused() -> Iterator[None]:
    """Within, pauses the garbage collector, and afterwards excludes the imported modules from it.

    Modules stay until the process ends. Scanning them repeatedly takes a tenth of the time of
    importing Ray and torch.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
