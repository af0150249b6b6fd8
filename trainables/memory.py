"""How the CPU's memory is kept between batches."""

from __future__ import annotations

import ctypes
import functools
import sys

M_TRIM_THRESHOLD = -1  # glibc's malloc.h
M_MMAP_MAX = -4


@functools.cache
def keep_freed_memory() -> bool:
    """Tells the C library to keep what is freed; returns whether it understood.

    glibc gives every block above some MB back to the kernel when it is freed, so that each
    activation
    of each batch is mapped, zeroed and faulted in anew: at width 8, batch 128 that was about half
    of a training step. Linux with glibc only; process-wide.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))
