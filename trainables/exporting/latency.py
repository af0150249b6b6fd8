"""How long a network takes, measured: medians with their spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_RUNS = 5
MOST_RUNS = 200


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds of a whole forward pass of ``batch`` images: quartiles over ``runs`` runs."""

    batch: int
    median: float
    lower_quartile: float
    upper_quartile: float
    runs: int


Forward = Callable[[Tensor], Tensor]


@torch.inference_mode()
def measure(forwards: Sequence[Forward], images: Tensor, *, seconds: float) -> list[Latency]:
    """Each forward pass on the same (B, 3, H, W) images, for about ``seconds`` in all.

    The candidates take turns, so that a disturbance of the machine meets all of them alike. A
    first turn warms up and is not counted; at least 5 are.
    """
    for forward in forwards:
        forward(images)
    times: list[list[float]] = [[] for _ in forwards]
    end = time.perf_counter() + seconds
    while len(times[0]) < LEAST_RUNS or (time.perf_counter() < end and len(times[0]) < MOST_RUNS):
        for forward, mine in zip(forwards, times, strict=True):
            start = time.perf_counter()
            forward(images)
            mine.append(time.perf_counter() - start)
    return [_summarise(len(images), mine) for mine in times]


def _summarise(batch: int, times: Sequence[float]) -> Latency:
    lower, median, upper = statistics.quantiles(times, n=4, method="inclusive")
    return Latency(batch, median, lower, upper, len(times))
