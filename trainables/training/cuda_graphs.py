"""CUDA graphs: a step is captured once and replayed with one launch instead of a hundred."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

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
    side = torch.cuda.Stream(device)
    side.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side):
        for _ in range(WARM_UP_STEPS):
            step()
    torch.cuda.current_stream(device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph
