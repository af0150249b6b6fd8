"""The number of runs that would show a difference of a given size."""

from __future__ import annotations

import math

import pandas as pd

from analysis.statistics.least_lead import smallest_lead

DIFFERENCES = (0.001, 0.002, 0.005, 0.01, 0.02)  # fractions: 0.1 to 2 points of accuracy


def runs_needed(difference: float, sd: float, *, paired: bool = False) -> int:
    """Runs of each treatment of which the report shows ``difference`` in four of five studies.

    Of two groups whose runs have the standard deviation ``sd``; of pairs whose differences have it,
    where runs are ``paired``.

    Raises:
        ValueError: for a difference or an sd that is not positive.
    """
    if not difference > 0:
        raise ValueError(f"a difference to be shown must be above 0, got {difference}")
    if not 0 < sd < math.inf:
        raise ValueError(f"runs needed depend on a known standard deviation above 0, got {sd}")
    least = difference / sd * (math.sqrt(2) if paired else 1.0)  # of runs, not of differences

    def shows(runs: int) -> bool:
        return smallest_lead(runs, paired=paired) <= least

    low, high = 1, 2
    while not shows(high):
        low, high = high, 2 * high
    while high - low > 1:  # the fewest runs that show it lie in (low, high]
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) else (middle, high)
    return high


def runs_table(
    sd: float, differences: tuple[float, ...] = DIFFERENCES, *, paired: bool = False
) -> pd.DataFrame:
    """``difference`` and ``runs`` (of each treatment, power 80 %, two-sided 5 %).

    Without rows where no spread is known: runs that came out alike do not say how far others would.
    """
    if not 0 < sd < math.inf:
        return pd.DataFrame(
            {"difference": pd.Series(dtype=float), "runs": pd.Series(dtype="int64")}
        )
    rows = [(difference, runs_needed(difference, sd, paired=paired)) for difference in differences]
    return pd.DataFrame(rows, columns=["difference", "runs"])
