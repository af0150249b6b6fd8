"""Skewed runs and rare bad ones of a comparison that has nothing else to know them by."""

from __future__ import annotations

import math

import numpy as np

from analysis.claims.best import interval_of_best, winner
from benchmarks.calibration.design import AT_LEAST, CHEAP, COVERS, MIDDLE, SIGMA, Draw
from benchmarks.calibration.hard import (
    DIPS,
    NO_BOUND,
    NORMAL,
    SKEWED,
    TWO,
    Shape,
    arm,
    hard,
    winner_of,
    within,
)
from benchmarks.calibration.selected import skewed_family

LOGNORMAL: Shape = lambda rng, size: (  # noqa: E731
    (math.exp(0.5) - rng.lognormal(size=size)) / math.sqrt(math.e * (math.e - 1))
)


def best_of_two(runs: int, shape: Shape, wide: float, *, both: bool = False) -> Draw:
    """Two equal networks; runs of one, or of both, are of a shape and ``wide`` times noisier."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        shapes = (shape, shape) if both else (shape, NORMAL)
        spreads = (wide, wide if both else 1.0)
        arms = [
            arm(str(number), MIDDLE + SIGMA * times * one(rng, (runs,)))
            for number, (one, times) in enumerate(zip(shapes, spreads, strict=True))
        ]
        return {"false": winner(sorted(arms, key=lambda arm: -arm.mean)).p < 0.05}

    return draw


def fresh(runs: int, shape: Shape) -> Draw:
    """Whether the interval of one configuration covers, on fresh seeds of a shape."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        low, high = interval_of_best([arm("chosen", MIDDLE + SIGMA * shape(rng, (runs,)))])
        return {"covers": low <= MIDDLE <= high}

    return draw


LIMITS = {
    **{
        f"best of 2, n = {runs}, every tenth run of one 10 σ lower": hard(
            "equal means", best_of_two(runs, DIPS, 3.0), NO_BOUND
        )
        for runs in (3, 5, 10, 40)
    },
    "best of 2, n = 5, every tenth run of both 10 σ lower": hard(
        "equal means", best_of_two(5, DIPS, 3.0, both=True)
    ),
    "select, one budget, 2 families, n = 5, one lognormal and 3 times noisier": hard(
        "no difference", skewed_family(2, 5, 1, LOGNORMAL, 3.0), NO_BOUND
    ),
    "select, one budget, 2 families, n = 20, one lognormal and 3 times noisier": hard(
        "no difference", skewed_family(2, 20, 1, LOGNORMAL, 3.0), NO_BOUND
    ),
    **{
        f"smallest, at the margin, one candidate, exponential and {wide:g} times noisier": hard(
            "five runs each", within(0.01, candidates=1, shape=SKEWED, wide=wide), NO_BOUND
        )
        for wide in (1.0, 3.0, 6.0)
    },
    "winner's interval, 6 equals, n = 5, one exponential": hard(
        "one stage", winner_of(6, 5, SKEWED, 1.0), COVERS
    ),
    "winner's interval, 6 equals, n = 5, one exponential and 3 times noisier": hard(
        "one stage", winner_of(6, 5, SKEWED, 3.0), NO_BOUND
    ),
    "winner's interval, 6 equals, n = 5, all exponential": hard(
        "one stage", winner_of(6, 5, SKEWED, 1.0, SKEWED), NO_BOUND
    ),
    **{
        f"winner's interval, 10 equals, n = {runs}, half of all runs low": hard(
            "one stage", winner_of(10, runs, TWO, 1.0, TWO), AT_LEAST
        )
        for runs in (3, 5)
    },
    **{
        f"best of 2, n = {runs}, half of one's runs low, 3 times noisier": hard(
            "equal means", best_of_two(runs, TWO, 3.0), NO_BOUND
        )
        for runs in (3, 5)
    },
    **{
        f"winner's interval, {runs} fresh seeds, exponential": hard(
            "two stages", fresh(runs, SKEWED), NO_BOUND, CHEAP
        )
        for runs in (5, 10, 20)
    },
}
