"""Fractions as text."""

from __future__ import annotations


def percent(fraction: float) -> str:
    """A percentage with two decimals: 0.9404 → "94.04 %"."""
    return f"{100 * fraction:.2f} %"
