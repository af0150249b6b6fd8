"""Time spans as text."""

from __future__ import annotations

UNITS = (("d", 86_400, 2), ("h", 3600, 1.5), ("min", 60, 1.5))
"""Unit, its seconds, and the number of units from which it is used."""


def format_duration(seconds: float) -> str:
    """A time span in a suitable unit: 45 s, 12 min, 3.5 h, 2.3 d."""
    for unit, length, least in UNITS:
        if seconds >= least * length:
            return f"{seconds / length:.{0 if unit == 'min' else 1}f} {unit}"
    return f"{seconds:.0f} s"
