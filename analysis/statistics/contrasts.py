"""One treatment against another, pooled over architectures. Why so: docs/decisions/contrasts.md.

From ``GENERALISES`` architectures on, the unit is the architecture: its difference of means is one
observation, and t has (architectures − 1) degrees of freedom. In a balanced design that is exactly
the mixed model with a random treatment effect per architecture; and it stays right where some
architectures like the treatment better than others. With fewer, the question is the average over
*these* architectures, and the runs' spread within each cell is the yardstick.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from analysis.statistics.intervals import pooled_sd, t_p_value, t_quantile

GENERALISES = 5

ARMS = ("baseline", "treatment")

BETWEEN = "architectures as blocks, a random treatment effect each"
WITHIN = "averaged over these architectures, spread of the runs within each"


@dataclass(frozen=True)
class Effect:
    """Treatment minus baseline, with its interval; NaN where it cannot be had.

    ``n`` counts runs, ``blocks`` architectures that both were run on, ``seeds`` the fewest runs of
    one treatment on one of them.
    """

    effect: float
    low: float
    high: float
    p: float
    df: float
    se: float
    n: int
    blocks: int
    seeds: int
    method: str


def cells(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean, variance and count of every block in both arms, one row a block that has both.

    ``runs`` has the columns ``block``, ``treated`` (bool) and ``value``.
    """
    arm = runs["treated"].map({False: "baseline", True: "treatment"}).rename("arm")
    summary = runs.groupby(["block", arm], sort=False)["value"].agg(["mean", "var", "count"])
    wide = summary.unstack("arm")
    if wide.shape[1] < 6:  # one arm is absent
        return wide.iloc[:0]
    return wide[wide["count"].notna().all(axis=1)]


def estimate(runs: pd.DataFrame, level: float = 0.95) -> Effect:
    """The effect over all blocks that both arms were run on."""
    table = cells(runs)
    if not len(table):
        nan = math.nan
        return Effect(nan, nan, nan, nan, 0, nan, 0, 0, 0, BETWEEN)
    difference = (table["mean"]["treatment"] - table["mean"]["baseline"]).to_numpy()
    counts = table["count"][list(ARMS)].to_numpy()
    blocks = len(table)
    if blocks >= GENERALISES:
        se, df, method = difference.std(ddof=1) / math.sqrt(blocks), float(blocks - 1), BETWEEN
    else:
        sd = np.sqrt(table["var"][list(ARMS)].to_numpy())
        common, degrees = pooled_sd(sd, counts)
        se, df, method = common * math.sqrt((1 / counts).sum()) / blocks, float(degrees), WITHIN
    mean = float(difference.mean())
    half = float(t_quantile(df, level)) * se
    p = float(t_p_value(mean, se, df))
    n, seeds = int(counts.sum()), int(counts.min())
    return Effect(mean, mean - half, mean + half, p, df, float(se), n, blocks, seeds, method)


def holm(p_values: list[float]) -> list[float]:
    """Holm's adjusted p-values (1979); NaN stays NaN and counts as no test."""
    known = [index for index, p in enumerate(p_values) if math.isfinite(p)]
    adjusted = list(p_values)
    if known:
        ours = multipletests([p_values[index] for index in known], method="holm")[1]
        for index, p in zip(known, ours, strict=True):
            adjusted[index] = float(p)
    return adjusted
