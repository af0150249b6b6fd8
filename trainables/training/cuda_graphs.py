"""CUDA graphs: a step is captured once and replayed with one launch instead of a hundred."""

from __future__ import annotations

import contextlib
import functools
import logging
import pickle
import random
import warnings
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

WARM_UP_STEPS = 3  # in these cuDNN chooses its algorithms, and buffers are allocated

log = logging.getLogger(__name__)


def capture_cuda_graph(
    step: Callable[[], None], state: Iterable[Tensor], device: torch.device
) -> Callable[[], None]:
    """A function that does what ``step`` does, replayed from a CUDA graph where that is possible.

    ``state`` holds every tensor that ``step`` changes; the capture restores their values. On a CPU,
    and where the capture fails (the reason is logged), ``step`` itself is returned.
    """
    if device.type != "cuda":
        return step
    state = list(state)
    saved = [tensor.clone() for tensor in state]
    try:
        return _capture(step, device).replay
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as reason:
        log.warning("no CUDA graph, running step by step: %s", reason)
        return step
    finally:
        torch.cuda.synchronize(device)
        with torch.no_grad():
            for tensor, value in zip(state, saved, strict=True):
                tensor.copy_(value)


def _capture(step: Callable[[], None], device: torch.device) -> torch.cuda.CUDAGraph:
    current = torch.cuda.current_stream(device)
    # cuBLAS has a workspace for each stream (32 MiB on Hopper), whose address a graph keeps: one
    # stream serves every graph of a process, except those that a caller replays beside each other,
    # each on a stream of its own.
    own = current != torch.cuda.default_stream(device)
    side = current if own else _shared_stream(device)
    side.wait_stream(current)
    # the outer context restores the stream where a capture fails, which torch.cuda.graph does not
    with torch.cuda.stream(side):
        for _ in range(WARM_UP_STEPS - 1):
            step()
        with _refuse_waiting(), refuse_host_draws():
            step()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=side):
            step()
    current.wait_stream(side)
    return graph


@functools.cache
def _shared_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


@contextlib.contextmanager
def _refuse_waiting() -> Iterator[None]:
    """Within, an operation that waits for the device raises RuntimeError.

    It would end a capture, too. But after a capture that failed torch 2.11 refuses every random
    draw on the device ("Offset increment outside graph capture"), and it keeps what was allocated.
    """
    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that not every such operation is found
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(mode)


@contextlib.contextmanager
def refuse_host_draws() -> Iterator[None]:
    """Raises RuntimeError at the end if Python, numpy or torch drew random numbers on the host.

    A graph would repeat what followed from them, such as which layers a step leaves out.
    """
    before = _host_generators()
    yield
    if _host_generators() != before:
        raise RuntimeError("the step draws random numbers on the host, and a graph would not")


def _host_generators() -> bytes:
    states = random.getstate(), np.random.get_state(), torch.get_rng_state().numpy()  # noqa: NPY002
    return pickle.dumps(states)
