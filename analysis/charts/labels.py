"""Text in charts: names of keys, and labels that do not overlap."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt
import pandas as pd

UNITS = {
    "parameters": "parameters (count)",
    "macs": "multiply-adds per image",
    "train_seconds": "training time (seconds)",
    "rank": "rank",
    "rank_scale": "rank scale (share of the full rank)",
    "rank_divisor": "rank divisor (rank = channels ÷ divisor)",
    "compression": "parameters ÷ dense parameters",
    "dims": "dimensions",
    "width": "width (channels)",
    "learning_rate": "learning rate (mean-loss units)",
    "weight_decay": "weight decay (mean-loss units)",
    "weight_decay_scaling": "weight-decay scaling α",
    "epochs": "epochs",
    "batch_size": "batch size (images)",
    "seed": "seed",
}


MISSING = "–"


def axis(key: str) -> str:
    """The axis title of a key, with its unit."""
    return UNITS.get(key, key.replace("_", " "))


def short(value: object, digits: int = 3) -> str:
    """The label of a value: 0.00050000 → 5e-4, 8.0 → 8, 0.1234567 → 0.123, none → –."""
    if value is pd.NA:
        return MISSING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value) or "''"  # an empty text is a value, too
    if math.isnan(value):  # a key that this trial does not have
        return MISSING
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    text = f"{value:.{digits}g}"
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def distinct(values: Iterable[object], least: int = 3) -> list[str]:
    """The label of each value, with digits enough to tell different values apart."""
    listed = list(values)
    known = {value for value in listed if not pd.isna(value)}
    for digits in range(least, 17):
        if len({short(value, digits) for value in known}) == len(known):
            return [short(value, digits) for value in listed]
    # Python's own text tells any two apart, and writes 0.1 as it is
    return [short(value) if pd.isna(value) else str(value) for value in listed]


def probability(value: float) -> str:
    """A probability as text, never certain: "> 99 %", "84 %", "< 1 %"."""
    if value > 0.99:
        return "> 99 %"
    return "< 1 %" if value < 0.01 else f"{100 * value:.0f} %"


def log_ticks(values: Iterable[float], max_count: int = 7) -> list[float]:
    """Round numbers for a logarithmic axis: decades, and as many between them as fit.

    Where fewer than two round numbers lie among the values, their ends. One value is its own tick:
    on an axis without a length all ticks would lie on each other.
    """
    numbers = [float(value) for value in values]
    if min(numbers) == max(numbers):
        return [numbers[0]]
    low, high = min(numbers) / 1.15, max(numbers) * 1.15
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ticks: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        finer = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        finer = [tick for tick in finer if low <= tick <= high]
        if len(finer) <= max_count or not ticks:
            ticks = finer
    low, high = min(numbers), max(numbers)
    seen = [tick for tick in ticks if low <= tick <= high]  # others may be cut off
    return ticks if len(seen) > 1 else [low, high]


def tick_format(ticks: Iterable[float], least: int = 3) -> str:
    """d3's format of an axis, with digits enough to tell its ticks apart.

    79248 → 79.2k, 0.25 → 0.25, 5e-7 → 5e-7: neither 2e+05 nor 250m.
    """
    numbers = set(ticks)
    large = max(numbers) >= 1000 and min(numbers) >= 1
    least = least if large else max(least, len(str(int(max(numbers)))))
    digits = (
        n for n in range(least, 17) if len({f"{tick:.{n}g}" for tick in numbers}) == len(numbers)
    )
    return f".{next(digits, 17)}~{'s' if large else 'g'}"


def key_format(values: Iterable[float]) -> str:
    """d3's format of an axis of a key: counts in full, 1,024 rather than 1.02k."""
    numbers = set(values)
    if all(value == int(value) for value in numbers) and max(numbers) < 100_000:
        return ",d"
    return tick_format(numbers, 4)


SHARES = ("accuracy", "low", "high", "front_low", "front_high")
"""The columns of a chart's frame that its axis of accuracy spans."""
EVEN = 0.005
"""How far an axis of accuracies that are all equal reaches beyond them."""


def _reach(frame: pd.DataFrame) -> float:
    """From the lowest to the highest accuracy of a chart, as a share."""
    values = frame[[name for name in SHARES if name in frame]].astype(float)
    return float(values.max().max() - values.min().min())


def accuracy_format(frame: pd.DataFrame) -> str:
    """d3's format of an axis of shares in per cent, with decimals enough to tell its ticks apart.

    There are fourteen ticks at most.
    """
    percent = 100 * _reach(frame)
    decimals = math.ceil(-math.log10(percent / 14)) if percent > 0 else 0
    return f".{min(max(decimals, 1), 12)}~%"


def accuracy_axis(frame: pd.DataFrame, title: str, **axis: Any) -> alt.Y:
    """The vertical axis of a chart's column of accuracies."""
    middle = float(frame["accuracy"].astype(float).mean())
    # means that are equal but for rounding would have ticks that all read alike
    even = [max(middle - EVEN, 0), min(middle + EVEN, 1)]
    domain = even if _reach(frame) < 1e-9 else alt.Undefined
    return alt.Y(
        "accuracy:Q",
        title=title,
        scale=alt.Scale(zero=False, domain=domain),
        axis=alt.Axis(format=accuracy_format(frame), **axis),
    )


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """The positions, moved so that no two are nearer than ``gap``.

    Their order and the middle of each cluster stay the same.
    """
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    clusters: list[list[int]] = []
    for i in order:
        clusters.append([i])
        while len(clusters) > 1 and _overlap(clusters[-2], clusters[-1], positions, gap):
            last = clusters.pop()
            clusters[-1] += last
    shifted = list(positions)
    for cluster in clusters:
        start = _start(cluster, positions, gap)
        for step, i in enumerate(cluster):
            shifted[i] = start + step * gap
    return shifted


def _start(cluster: list[int], positions: Sequence[float], gap: float) -> float:
    middle = sum(positions[i] for i in cluster) / len(cluster)
    return middle - gap * (len(cluster) - 1) / 2


def _overlap(left: list[int], right: list[int], positions: Sequence[float], gap: float) -> bool:
    end = _start(left, positions, gap) + gap * (len(left) - 1)
    return _start(right, positions, gap) - end < gap
