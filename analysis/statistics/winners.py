"""The best of several: whether it is, and how good the one that was picked is.

A is best only if Welch's test is below .05 against every rival. No correction for the number of
rivals is needed: the most dangerous rival decides (Hung, Fithian 2019, 1610.03944).

The mean of whatever came out highest is too high. Its interval is the hybrid one of Andrews,
Kitagawa and McCloskey (2024, "Inference on winners"): conditional on having come out above the
runner-up, within a simultaneous interval at a tenth of the error.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from analysis.statistics.contrasts import DOMINANCE, satterthwaite
from analysis.statistics.intervals import LEVEL, Interval, t_p_value, t_quantile

SIMULTANEOUS = 0.1
"""The share of the error that the simultaneous interval may spend."""


class Lead(NamedTuple):
    """One configuration ahead of another; ``p`` is two-sided, NaN where it cannot be had."""

    effect: float
    low: float
    high: float
    p: float
    df: float


def welch(
    mean: tuple[float, float],
    variance: tuple[float, float],
    n: tuple[int, int],
    df: tuple[float, float],
    *,
    alone: bool,
) -> Lead:
    """The first against the second by Welch's test; NaN where either has one run.

    ``df`` are the variances' degrees of freedom. Where it is the only comparison (``alone``) and
    one side has two runs, a single degree of freedom is counted: Welch's own are wrong in 8.7 %.
    """
    effect = mean[0] - mean[1]
    if min(n) < 2:
        return Lead(effect, math.nan, math.nan, math.nan, math.nan)
    parts = np.array(variance) / np.array(n, dtype=float)
    free = satterthwaite(parts, np.array(df), DOMINANCE if alone else 1.0)
    free = 1.0 if alone and min(n) == 2 else free
    se = math.sqrt(parts.sum())
    half = float(t_quantile(free)) * se
    p = float(t_p_value(effect, se, free)) if se else float(effect == 0)
    return Lead(effect, effect - half, effect + half, p, free)


def winner_interval(
    mean: float, se: float, df: float, runner_up: float, count: int, level: float = LEVEL
) -> Interval:
    """The interval of the true mean of the one of ``count`` that came out highest.

    ``runner_up`` is the next highest mean. With one candidate it is the t interval.
    """
    if not (df > 0 and se > 0):
        return Interval(math.nan, math.nan)
    error = 1 - level
    if count < 2:
        half = float(t_quantile(df, level)) * se
        return Interval(mean - half, mean + half)
    spent = SIMULTANEOUS * error
    reach = float(t_quantile(df, (1 - spent) ** (1 / count)))
    left = (error - spent) / (1 - spent)
    low, high = mean - reach * se, mean + reach * se

    def below(truth: float, share: float) -> float:
        return _probability(mean, se, df, runner_up, reach, truth) - share

    def solve(share: float, otherwise: float) -> float:
        inside = below(low, share) > 0 > below(high, share)
        return float(optimize.brentq(below, low, high, args=(share,))) if inside else otherwise

    return Interval(solve(1 - left / 2, low), solve(left / 2, high))


def _probability(
    mean: float, se: float, df: float, runner_up: float, reach: float, truth: float
) -> float:
    """How probable a mean of at most ``mean`` is, above the runner-up and within reach."""
    from_, at = max((runner_up - truth) / se, -reach), (mean - truth) / se
    tail = [float(special.stdtr(df, -z)) for z in (from_, at, reach)]
    possible = tail[0] - tail[2]
    return (
        min(max((tail[0] - tail[1]) / possible, 0.0), 1.0) if possible > 0 else float(at >= reach)
    )
