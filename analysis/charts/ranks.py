"""The rank of trials, whichever key gives it."""

from __future__ import annotations

import pandas as pd

from analysis.charts.chart import NothingToShow

BUDGET_KEYS = ("compression_budget", "parameters_budget")
RANK_KEYS = ("rank_scale", "rank_divisor", "rank", *BUDGET_KEYS)
"""The columns that can hold a rank; a budget is filled with the rank that fits it."""


def ranked(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that have a rank, with ``rank_key`` (the key that most use) and ``rank_value``.

    Raises:
        NothingToShow: where fewer than two ranks are tried.
    """
    counts = trials[list(RANK_KEYS)].notna().sum()
    key = counts.idxmax()
    rows = trials[trials[key].notna()]
    if rows[key].nunique() < 2:
        raise NothingToShow("Fewer than two ranks have finished: there is nothing to compare.")
    return rows.assign(rank_key=key, rank_value=rows[key].astype(float))
