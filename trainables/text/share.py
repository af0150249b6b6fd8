"""Fractions as text."""

from __future__ import annotations

import math


def percent(fraction: float) -> str:
    """A percentage with two decimals: 0.9404 → "94.04 %"."""
    return f"{100 * fraction:.2f} %"


def share_within(part: int, whole: int) -> str:
    """How much of a whole a part uses, rounded down: what misses 97 % does not read "97.0%"."""
    return f"{math.floor(1000 * part / whole) / 10:.1f}%"
