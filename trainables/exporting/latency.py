"""Measured latencies of networks: medians and quartiles."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.exporting.difference import Forward

MIN_RUNS = 5
MAX_RUNS = 200


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds of a forward pass of ``batch`` images: quartiles over ``runs`` runs."""

    batch: int
    median: float
    lower_quartile: float
    upper_quartile: float
    runs: int


@torch.inference_mode()
def measure(forwards: Sequence[Forward], images: Tensor, *, seconds: float) -> list[Latency]:
    """Measures each forward pass on the same (B, 3, H, W) images, for about ``seconds`` in all.

    The candidates take turns, so that other load on the machine affects all of them equally. A
    first turn warms up and does not count; at least 5 turns do.
    """
    for forward in forwards:
        forward(images)
    times: list[list[float]] = [[] for _ in forwards]
    end = time.perf_counter() + seconds
    while len(times[0]) < MIN_RUNS or (time.perf_counter() < end and len(times[0]) < MAX_RUNS):
        for forward, candidate_times in zip(forwards, times, strict=True):
            start = time.perf_counter()
            forward(images)
            candidate_times.append(time.perf_counter() - start)
    return [_summarise(len(images), candidate_times) for candidate_times in times]


def _summarise(batch: int, times: Sequence[float]) -> Latency:
    lower, median, upper = statistics.quantiles(times, n=4, method="inclusive")
    return Latency(batch, median, lower, upper, len(times))
