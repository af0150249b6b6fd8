"""Ranges of size within which networks are compared. Standard library only."""

from __future__ import annotations

import itertools
import math

STEPS = (1, 2, 5)
"""Sizes are cut at 1, 2 and 5 of each decade: 10k–20k, 20k–50k, 50k–100k parameters."""


def size_step(size: float) -> tuple[int, int]:
    """The range that a size lies in: 79,248 → (50,000, 100,000)."""
    decade = 10 ** math.floor(math.log10(max(size, 1)))
    edges = [*(int(step * decade) for step in STEPS), 10 * decade]
    return next((a, b) for a, b in itertools.pairwise(edges) if a <= size < b)
