"""Faster imports of large packages."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def gc_paused() -> Iterator[None]:
    """Keeps the garbage collector from looking at what is imported meanwhile, then and later.

    Modules stay until the process ends; looking through them again and again is a tenth of the time
    that Ray and torch take to import.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
