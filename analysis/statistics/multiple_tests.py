"""Corrections for multiple tests."""

from __future__ import annotations

import math


def holm(p_values: list[float]) -> list[float]:
    """Holm's adjusted p-values (1979); NaN stays NaN and counts as no test."""
    known = sorted((p, index) for index, p in enumerate(p_values) if math.isfinite(p))
    adjusted, highest = list(p_values), 0.0
    for place, (p, index) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - place)))
        adjusted[index] = highest
    return adjusted


def hochberg(p_values: list[float]) -> list[float]:
    """Hochberg's adjusted p-values (1988), for tests of different runs; NaN as in ``holm``.

    Never above Holm's: where every test is below the level, so is every adjusted p-value.
    """
    known = sorted(
        ((p, index) for index, p in enumerate(p_values) if math.isfinite(p)), reverse=True
    )
    adjusted, lowest = list(p_values), 1.0
    for place, (p, index) in enumerate(known, start=1):
        lowest = min(lowest, p * place)
        adjusted[index] = lowest
    return adjusted
