"""Where a step's time goes on a device: kernels by time, and gaps in which none runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.machine import synchronize

SLOWEST = 10
NAME = 110  # letters of a kernel's name that are kept: templates fill pages


@dataclass(frozen=True)
class Span:
    """A kernel's run, in microseconds of the profiler's clock."""

    name: str
    start: float
    end: float


def profiled(steps: Callable[[], None], count: int, device: torch.device) -> dict[str, Any]:
    """Profiles ``count`` steps: µs a step by kernel for the slowest, launches, the share idle.

    On a CPU an operation takes a kernel's place.
    """
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    synchronize(device)
    with profile(activities=activities) as recorded:
        steps()
        synchronize(device)
    return summarise(_spans(recorded, device), count)


def _spans(recorded: profile, device: torch.device) -> list[Span]:
    wanted = DeviceType.CUDA if device.type == "cuda" else DeviceType.CPU
    return [
        Span(event.name, event.time_range.start, event.time_range.end)
        for event in recorded.events()
        if event.device_type == wanted and event.time_range.end > event.time_range.start
    ]


def summarise(spans: Iterable[Span], count: int) -> dict[str, Any]:
    """By kernel and together; the idle share is of the time from the first to the last kernel."""
    spans = sorted(spans, key=lambda span: span.start)
    if not spans:
        return {"kernels_a_step": 0, "idle_share": None, "slowest": []}
    by_name: dict[str, list[float]] = {}
    for span in spans:
        by_name.setdefault(span.name, []).append(span.end - span.start)
    total = sum(map(sum, by_name.values()))
    slowest = sorted(by_name.items(), key=lambda item: -sum(item[1]))[:SLOWEST]
    whole = max(span.end for span in spans) - spans[0].start
    gaps = _gaps(spans)
    return {
        "kernels_a_step": round(len(spans) / count, 1),
        "busy_us_a_step": round((whole - sum(gaps)) / count, 1),
        "idle_share": round(sum(gaps) / whole, 4),
        "longest_gap_us": round(max(gaps, default=0.0), 1),
        "slowest": [
            {
                "kernel": name[:NAME],
                "us_a_step": round(sum(times) / count, 1),
                "calls_a_step": round(len(times) / count, 1),
                "share": round(sum(times) / total, 4),
            }
            for name, times in slowest
        ],
    }


def _gaps(spans: list[Span]) -> list[float]:
    """Times between the end of all that began and the next beginning; spans sorted by start."""
    gaps, reached = [], spans[0].end
    for span in spans[1:]:
        if span.start > reached:
            gaps.append(span.start - reached)
        reached = max(reached, span.end)
    return gaps
