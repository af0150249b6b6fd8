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
from typing import Any

import numpy as np
import pandas as pd

from analysis.statistics.intervals import LEVEL, t_p_value, t_quantile

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


def estimate(runs: pd.DataFrame, level: float = LEVEL) -> Effect:
    """The effect over all blocks that both arms were run on; ``runs`` as in ``cells``."""
    table = cells(runs)
    if not len(table):
        nan = math.nan
        return Effect(nan, nan, nan, nan, nan, nan, 0, 0, 0, BETWEEN)
    mean, variance, count = (
        table[name][list(ARMS)].to_numpy() for name in ("mean", "var", "count")
    )
    numbers = effect_of_blocks(mean, variance, count, level)
    effect, low, high, p, df, se = (float(number) for number in numbers)
    method = BETWEEN if len(table) >= GENERALISES else WITHIN
    n, seeds = int(count.sum()), int(count.min())
    return Effect(effect, low, high, p, df, se, n, len(table), seeds, method)


def effect_of_blocks(
    mean: np.ndarray, variance: np.ndarray, count: np.ndarray, level: float = LEVEL
) -> tuple[Any, Any, Any, Any, Any, Any]:
    """(effect, low, high, p, df, se) from the cells' means, variances and counts of runs.

    All are (…, blocks, 2), baseline first; leading axes are studies that are worked out at once.
    A variance is NaN where its cell has one run.
    """
    difference = mean[..., 1] - mean[..., 0]
    blocks = difference.shape[-1]
    effect = difference.mean(axis=-1)
    if blocks >= GENERALISES:
        se = difference.std(axis=-1, ddof=1) / math.sqrt(blocks)
        df = np.full_like(se, blocks - 1)
    else:
        degrees = np.broadcast_to(count - 1, variance.shape)
        df = degrees.sum(axis=(-2, -1)).astype(float)
        squares = np.nansum(degrees * variance, axis=(-2, -1))
        with np.errstate(invalid="ignore"):
            pooled = np.where(df > 0, squares / np.maximum(df, 1), np.nan)
        se = np.sqrt(pooled * (1 / count).sum(axis=(-2, -1))) / blocks
    half = t_quantile(df, level) * se
    return effect, effect - half, effect + half, t_p_value(effect, se, df), df, se


def holm(p_values: list[float]) -> list[float]:
    """Holm's adjusted p-values (1979); NaN stays NaN and counts as no test."""
    known = [index for index, p in enumerate(p_values) if math.isfinite(p)]
    adjusted = list(p_values)
    if known:
        from statsmodels.stats.multitest import multipletests  # slow to import, and few need it

        ours = multipletests([p_values[index] for index in known], method="holm")[1]
        for index, p in zip(known, ours, strict=True):
            adjusted[index] = float(p)
    return adjusted
