"""The smallest lead that so many runs are likely to show, by the tests that the report makes.

A lead is shown where it exceeds c standard errors, and a standard error is itself estimated. With Z
normal, S² a chi-square by its degrees of freedom, and a true lead of d standard errors, that has
the probability P(Z + d > c S), which is added up over values of S here. SciPy has it as the
noncentral t distribution, and takes longer to import than a plan takes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from analysis.statistics.freedom import weighted_freedom
from search_spaces.grammar.question import GENERALISES

POWER = 0.8
LEVEL = 0.05

CAUTION = 0.65
"""The report takes few runs for fewer than they are. Over B blocks of n runs a side its critical
value is about that of ``CAUTION`` (n - 1)(B + 1) degrees of freedom, by simulation."""
THIN = 1.25
"""How many times as far as they spread it takes cells of two runs to, on average: no variance of
several counts as less than the common one."""
TWO_TESTS = 1.1
"""How much larger a lead has to be where the less certain of two tests counts."""


@functools.cache
def smallest_lead(
    runs: int,
    blocks: int = 1,
    *,
    rivals: int = 1,
    level: float = LEVEL,
    paired: bool = False,
    units: tuple[int, ...] | None = None,
) -> float:
    """The smallest lead that is shown with probability ``POWER``, in standard deviations.

    Infinite with one run of each side, whose spread by chance is not known.

    Args:
        runs: of each side in each block.
        blocks: pairs of networks over which the lead is averaged.
        rivals: networks that are all to be beaten, each by this lead.
        level: two-sided, of the test against one rival.
        paired: whether runs are compared seed by seed.
        units: how many of the blocks each family has, over which the lead may vary. That counts
            where there are ``GENERALISES`` or more. None: each block stands for itself.
    """
    if runs < 2:
        return math.inf
    units = (1,) * blocks if units is None else units
    several, wider = len(units) >= GENERALISES, 1.0
    if paired:
        known = assumed = (min(runs, len(units)) if several else runs) - 1.0
        wider = TWO_TESTS if several else 1.0
    elif several:
        known = assumed = weighted_freedom([size / sum(units) for size in units])
    else:
        known = 2.0 * (runs - 1) * blocks
        assumed = CAUTION * (runs - 1) * (blocks + 1)
        if runs == 2:
            assumed, wider = (1.0, 1.0) if blocks == 1 else (1.1 * blocks, THIN)
    critical, spreads = _critical(level, assumed) * wider, _spreads(known)
    lead = _least(lambda errors: _power(errors, critical, spreads, rivals) >= POWER)
    return lead * math.sqrt(2 / (runs * blocks))


def _critical(level: float, freedom: float) -> float:
    """Student's t quantile of a two-sided test."""
    spreads = _spreads(freedom)
    return _least(lambda c: sum(w * _normal(-c * s) for s, w in spreads) <= level / 2)


def _power(lead: float, critical: float, spreads: list[tuple[float, float]], rivals: int) -> float:
    """The probability that a lead of so many standard errors is shown over every rival.

    The rivals share the runs of the network that is ahead: how far these lie from their mean moves
    all leads alike.
    """
    likely = [(s, w) for s, w in spreads if w > 1e-6]
    if rivals == 1:
        return sum(w * _normal(lead - critical * s) for s, w in likely)
    root = math.sqrt(2)
    places = [number / 4 for number in range(-16, 17)]
    density = [math.exp(-z * z / 2) for z in places]
    beaten = [
        sum(w * _normal(z + root * (lead - critical * s)) for s, w in likely) ** rivals
        for z in places
    ]
    return sum(map(float.__mul__, density, beaten)) / sum(density)


def _spreads(freedom: float) -> list[tuple[float, float]]:
    """Estimates of a standard deviation of 1 with these degrees of freedom, and how likely each."""
    freedom = min(freedom, 1_000.0)
    logs = [number / 30 for number in range(-400, 61)]
    heights = [freedom * (log - math.expm1(2 * log) / 2) for log in logs]
    weights = [math.exp(height) for height in heights]
    total = sum(weights)
    return [(math.exp(log), w / total) for log, w in zip(logs, weights, strict=True)]


def _normal(value: float) -> float:
    return math.erfc(-value / math.sqrt(2)) / 2


def _least(enough: Callable[[float], bool]) -> float:
    """The least positive number that is enough, within a thousandth, where all larger ones are."""
    high = 1.0
    while not enough(high):
        high *= 2
    low = 0.0
    while high - low > high / 1_000:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
