"""Process-wide settings that training changes: threads, memory, cuDNN, random generators."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import random
import sys
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

M_TRIM_THRESHOLD = -1  # glibc's malloc.h
M_MMAP_MAX = -4


def prepare_process(device: torch.device, threads: int | None) -> None:
    """Prepares the process for a device; ``threads`` is that of the CPU (None: as it is set)."""
    if threads is not None:
        torch.set_num_threads(threads)
    if device.type == "cpu":
        keep_freed_memory()
    else:
        torch.backends.cudnn.benchmark = True
        torch.cuda.reset_peak_memory_stats(device)


@functools.cache
def keep_freed_memory() -> bool:
    """Tells the C library to keep freed memory; returns whether that worked.

    glibc returns large freed blocks to the kernel, so that the next batch's activations are mapped,
    zeroed and faulted in again: a 2 MB product took 24 µs per image at batch 128 into fresh memory
    and 2.6 µs into kept memory. Linux with glibc only; applies to the whole process.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))


def seeded_state(seed: int) -> Tensor:
    """The state of torch's CPU generator after seeding."""
    return torch.Generator().manual_seed(seed).get_state()


@contextlib.contextmanager
def draw_from(state: Tensor | None, device: torch.device) -> Iterator[None]:
    """Within, torch's generator continues from ``state``, which is updated at the end.

    None does nothing. A GPU's own generator is seeded from the state at each entry: its draws
    depend on the trial alone, except that interrupting an epoch changes them. Python's and numpy's
    generators, which ``seed_step`` seeds, are restored at the end.
    """
    if state is None:
        yield
        return
    gpus = [device] if device.type == "cuda" else []
    library_states = random.getstate(), np.random.get_state()  # noqa: NPY002 (the networks')
    with torch.random.fork_rng(devices=gpus):
        torch.set_rng_state(state)
        if gpus:
            torch.cuda.manual_seed(int(torch.randint(2**62, ())))
        try:
            yield
        finally:
            state.copy_(torch.get_rng_state())
            random.setstate(library_states[0])
            np.random.set_state(library_states[1])  # noqa: NPY002


def seed_step(seed: int, step: int) -> None:
    """Seeds Python's and numpy's generators for one step, as a network may draw from these too."""
    random.seed(f"{seed} {step}")
    np.random.seed(random.getrandbits(32))  # noqa: NPY002
