"""The best of several: whether it is, and how good the one that was picked is.

A is best only if Welch's test is below .05 against every rival. No correction for the number of
rivals is needed: the most dangerous rival decides (Hung, Fithian 2019, 1610.03944).

The mean of whatever came out highest is too high on average. Its interval is a simultaneous one
over all that might have come out highest (Zrnic, Fithian 2024, "Locally simultaneous inference"):
it reaches down by as much as the luckiest of them may lie above its true mean.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import special

from analysis.statistics.contrasts import doubt_of, satterthwaite
from analysis.statistics.intervals import LEVEL, Interval, spread_ratio, t_test

SPENT = 0.003
"""The chance that the list of those that might have come out highest lacks one of them."""


class Lead(NamedTuple):
    """One configuration ahead of another; ``p`` is two-sided, NaN where it cannot be had.

    ``spread`` is how many times as far the runs of the first spread, as in ``Effect``. ``sd`` is
    the standard deviation between runs, of the differences where runs are ``paired`` by their seed.
    """

    effect: float
    low: float
    high: float
    p: float
    df: float
    spread: float = 1.0
    sd: float = math.nan
    paired: bool = False


def welch(
    mean: tuple[float, float],
    variance: tuple[float, float],
    n: tuple[int, int],
    df: tuple[float, float],
) -> Lead:
    """The first against the second by Welch's test; NaN where a variance is not known.

    ``df`` are the variances' degrees of freedom. Where one of them has a single one (two runs), the
    comparison has no more: Welch's own are wrong in 8.7 %. Where one side's runs spread further,
    the chance of error counts double, as in ``contrasts``.
    """
    effect = mean[0] - mean[1]
    if not (min(n) > 0 and min(df) > 0 and all(map(math.isfinite, variance))):
        return Lead(effect, math.nan, math.nan, math.nan, math.nan)
    parts = np.array(variance) / np.array(n, dtype=float)
    free = 1.0 if min(df) == 1 else satterthwaite(parts, np.array(df))
    se = math.sqrt(parts.sum())
    spread = spread_ratio(variance[::-1], df[::-1])
    test = t_test(effect, se, free, doubt=doubt_of(spread))
    return Lead(effect, *test, free, spread, math.sqrt(sum(variance) / 2))


def winner_interval(
    means: np.ndarray, errors: np.ndarray, df: float, level: float = LEVEL
) -> Interval:
    """The interval of the true mean of the one that came out highest, which is the first.

    ``means`` are those of all that might have, ``errors`` their standard errors (NaN where nothing
    is known), ``df`` the degrees of freedom of the first's. Alone, it has the t interval; among k
    that might as well have come out highest, it was lucky by as much as the luckiest of k.
    """
    mean, error = float(means[0]), float(errors[0])
    if not (df > 0 and error > 0):
        return Interval(math.nan, math.nan)
    wrong, spent = 1 - level, SPENT if len(means) > 1 else 0.0
    reach = float(special.stdtrit(df, 1 - (1 - (1 - spent) ** (1 / len(means))) / 2))
    rivals = means + reach * np.nan_to_num(errors) >= mean - reach * error
    count = max(int(rivals.sum()), 1)
    below, above = (wrong - spent) * (1 - 0.5 / count), (wrong - spent) * 0.5 / count
    return Interval(
        mean - error * float(special.stdtrit(df, (1 - below) ** (1 / count))),
        mean + error * float(special.stdtrit(df, 1 - above)),
    )
