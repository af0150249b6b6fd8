"""Fractions of a whole in words."""

from __future__ import annotations


def percent(fraction: float) -> str:
    """Two decimals: 0.9404 → "94.04 %"."""
    return f"{100 * fraction:.2f} %"
