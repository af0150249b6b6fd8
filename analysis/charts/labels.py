"""Text in charts: names of keys, and labels that do not overlap."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

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


def axis(key: str) -> str:
    """The axis title of a key, with its unit."""
    return UNITS.get(key, key.replace("_", " "))


def short(value: object) -> str:
    """The label of a value: 0.00050000 → 5e-4, 8.0 → 8, 0.1234567 → 0.123, none → –."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if math.isnan(value):  # a key that this trial does not have
        return "–"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    text = f"{value:.3g}"
    return text.replace("e-0", "e-").replace("e+0", "e")


def probability(value: float) -> str:
    """A probability as text, never certain: "> 99 %", "84 %", "< 1 %"."""
    if value > 0.99:
        return "> 99 %"
    return "< 1 %" if value < 0.01 else f"{100 * value:.0f} %"


def log_ticks(values: Iterable[float], max_count: int = 7) -> list[float]:
    """Round numbers for a logarithmic axis: decades, and as many between them as fit.

    Where fewer than two round numbers lie in the range, its ends. One value is its own tick: on an
    axis without a length all ticks would lie on each other.
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
    return ticks if len(ticks) > 1 else sorted({min(numbers), max(numbers)})


def tick_format(ticks: Iterable[float], kind: str = "s", least: int = 3) -> str:
    """d3's format of an axis, with digits enough to tell its ticks apart; "s": 79248 → 79.2k."""
    numbers = set(ticks)
    digits = (
        n for n in range(least, 17) if len({f"{tick:.{n}g}" for tick in numbers}) == len(numbers)
    )
    return f".{next(digits, 17)}~{kind}"


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
