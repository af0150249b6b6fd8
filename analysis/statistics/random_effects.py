"""The mean of values that differ by more than chance: of blocks that stand for others like them.

A random-effects mean (Paule, Mandel 1982) with the interval of Hartung and Knapp (2001). A second
standard error holds whatever the weights are (HC2; MacKinnon, White 1985), with the degrees of
freedom of Bell and McCaffrey (2002), which are fewer where one value outweighs the others. The less
certain of the two counts.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize

from analysis.statistics.freedom import weighted_freedom
from analysis.statistics.intervals import t_p_value


def random_effects_mean(values: np.ndarray, variance: np.ndarray) -> tuple[float, float, float]:
    """(mean, standard error, degrees of freedom) of values that differ beyond their variances.

    Args:
        values: (blocks,), two or more.
        variance: (blocks,), what each differs by from its true value by chance.
    """
    if not (variance > 0).all():
        se = float(values.std(ddof=1)) / math.sqrt(len(values))
        return float(values.mean()), se, len(values) - 1.0
    weights = 1 / (variance + _between(values, variance))
    share = weights / weights.sum()
    mean = float((share * values).sum())
    squares, free = (values - mean) ** 2, len(values) - 1.0
    as_weighed = mean, math.sqrt(float((share * squares).sum()) / free), free
    leverage = share**2 / (1 - share)
    robust = mean, math.sqrt(float((leverage * squares).sum())), weighted_freedom(share.tolist())
    return max(as_weighed, robust, key=lambda one: float(t_p_value(*one)))


def _between(values: np.ndarray, variance: np.ndarray) -> float:
    """The variance between blocks at which the weighted spread is what it should be."""

    def excess(between: float) -> float:
        weights = 1 / (variance + between)
        mean = (weights * values).sum() / weights.sum()
        return float((weights * (values - mean) ** 2).sum()) - (len(values) - 1)

    if excess(0.0) <= 0:
        return 0.0
    high = float(values.var(ddof=1)) + float(variance.max())
    while excess(high) > 0:
        high *= 4
    return float(optimize.brentq(excess, 0.0, high))
