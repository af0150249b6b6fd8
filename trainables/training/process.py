"""What a training changes of its process: threads, memory, cuDNN, torch's random generator."""

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
    """Readies the process to train on a device; ``threads`` are the CPU's (None: as they are)."""
    if threads is not None:
        torch.set_num_threads(threads)
    if device.type == "cpu":
        keep_freed_memory()
    else:
        torch.backends.cudnn.benchmark = True
        torch.cuda.reset_peak_memory_stats(device)


@functools.cache
def keep_freed_memory() -> bool:
    """Tells the C library to keep what is freed; returns whether it understood.

    glibc gives large blocks back to the kernel when they are freed, so that the next batch's
    activations are mapped, zeroed and faulted in anew: a 2 MB product took 24 µs an image of batch
    128 into fresh memory and 2.6 into kept. Linux with glibc only; process-wide.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))


def seeded_state(seed: int) -> Tensor:
    """The state of torch's generator of the CPU after it was seeded."""
    return torch.Generator().manual_seed(seed).get_state()


@contextlib.contextmanager
def draw_from(state: Tensor | None, device: torch.device) -> Iterator[None]:
    """Lets torch's generator go on from a state, which is brought up to date; None does nothing.

    A GPU's own generator is seeded from it each time: its draws are the trial's, but a stop in an
    epoch changes them. Python's and numpy's generators, which ``seed_step`` seeds, are left as they
    were.
    """
    if state is None:
        yield
        return
    gpus = [device] if device.type == "cuda" else []
    others = random.getstate(), np.random.get_state()  # noqa: NPY002 (the networks')
    with torch.random.fork_rng(devices=gpus):
        torch.set_rng_state(state)
        if gpus:
            torch.cuda.manual_seed(int(torch.randint(2**62, ())))
        try:
            yield
        finally:
            state.copy_(torch.get_rng_state())
            random.setstate(others[0])
            np.random.set_state(others[1])  # noqa: NPY002


def seed_step(seed: int, step: int) -> None:
    """Seeds Python's and numpy's generators for one step: a network may draw from these as well."""
    random.seed(f"{seed} {step}")
    np.random.seed(random.getrandbits(32))  # noqa: NPY002
