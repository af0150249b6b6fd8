"""The number of runs that would show a difference of a given size."""

from __future__ import annotations

import functools
import math

import pandas as pd

POWER = 0.8
DIFFERENCES = (0.001, 0.002, 0.005, 0.01, 0.02)  # fractions: 0.1 to 2 points of accuracy


def runs_needed(difference: float, sd: float, power: float = POWER, alpha: float = 0.05) -> int:
    """Runs of each treatment that show ``difference`` with probability ``power``; 0 where sd is 0.

    Two-sided t test of two groups whose runs have the standard deviation ``sd``.

    Raises:
        ValueError: for a difference that is not positive.
    """
    if not difference > 0:
        raise ValueError(f"a difference to be shown must be above 0, got {difference}")
    if not math.isfinite(sd):
        raise ValueError(f"runs needed depend on a known standard deviation, got {sd}")
    if sd == 0:
        return 0
    from statsmodels.stats.power import TTestIndPower  # slow to import; not needed with one seed

    shows = functools.partial(TTestIndPower().power, difference / sd, alpha=alpha)
    low, high = 1, 2
    while shows(nobs1=high) < power:
        low, high = high, 2 * high
    while high - low > 1:  # the power grows with the runs: the fewest lie in (low, high]
        middle = (low + high) // 2
        low, high = (low, middle) if shows(nobs1=middle) >= power else (middle, high)
    return high


def runs_table(sd: float, differences: tuple[float, ...] = DIFFERENCES) -> pd.DataFrame:
    """``difference`` and ``runs`` (of each treatment, power 80 %, two-sided 5 %)."""
    if not math.isfinite(sd):
        return pd.DataFrame(
            {"difference": pd.Series(dtype=float), "runs": pd.Series(dtype="int64")}
        )
    rows = [(difference, runs_needed(difference, sd)) for difference in differences]
    return pd.DataFrame(rows, columns=["difference", "runs"])
