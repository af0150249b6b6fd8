"""Counts as text."""

from __future__ import annotations

import math
from collections.abc import Sequence


def plural(count: int, noun: str) -> str:
    """``1 run``, ``12 runs``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def first_few(names: Sequence[str], most: int) -> str:
    """``a, b, c``, or of more names the first ones: ``a, b, …``."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def short_count(count: float) -> str:
    """Three digits and a unit: 950, 79.2k, 45.5M; 999,999 → 1M; 2^53 → 9.01e15."""
    if float(f"{count:.3g}") >= 1e15:
        return f"{count:.3g}".replace("e+", "e")
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if float(f"{count:.3g}") >= size:
            return f"{float(f'{count:.3g}') / size:g}{unit}"
    return f"{count:.0f}"


def rounded_up(count: float) -> str:
    """The next whole number: 385,435.2 -> 385,436, which as a limit lets the count in."""
    return exact_count(math.ceil(count))


def exact_count(count: float) -> str:
    """Every digit: 6,120,064; 6,120,064.5; 1e-300."""
    return f"{count:,.0f}" if count == int(count) and abs(count) < 1e16 else f"{count:,}"
