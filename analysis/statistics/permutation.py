"""Permutation tests, where there are runs enough for one to say anything."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.statistics.contrasts import GENERALISES, cells

RESAMPLES = 9_999
WORTH_IT = 0.05


@dataclass(frozen=True)
class Permutation:
    """A two-sided p-value (NaN: why, in ``words``) and the smallest it could have been."""

    p: float
    smallest_p: float
    words: str


def permutation_test(runs: pd.DataFrame, seed: int = 0) -> Permutation:
    """Flips the signs of the blocks' differences; with few blocks, the labels within each block.

    ``runs`` as in ``contrasts.cells``. Offered only where p could fall below .05.
    """
    table = cells(runs)
    if not len(table):
        return Permutation(math.nan, math.nan, "no permutation test: no architecture has both")
    by_block = len(table) >= GENERALISES
    smallest = _smallest(len(table)) if by_block else _smallest_within(table)
    if smallest >= WORTH_IT:
        text = f"no permutation test: with so few runs it cannot go below p = {smallest:.3f}"
        return Permutation(math.nan, smallest, text)
    p = _sign_flip(table, seed) if by_block else _relabel(runs, table, seed)
    smallest = max(smallest, 1 / (RESAMPLES + 1))
    return Permutation(
        p, smallest, f"permutation test: p = {p:.4f} (smallest attainable {smallest:.4f})"
    )


def _smallest(blocks: int) -> float:
    """Two of the 2^n sign patterns are as extreme as can be."""
    return 2.0 / 2.0**blocks


def _smallest_within(table: pd.DataFrame) -> float:
    counts = table["count"].to_numpy(dtype=int)
    ways = math.prod(math.comb(int(row.sum()), int(row[0])) for row in counts)
    return 2 / ways


def _sign_flip(table: pd.DataFrame, seed: int) -> float:
    difference = (table["mean"]["treatment"] - table["mean"]["baseline"]).to_numpy()
    from scipy import stats  # slow to import; one seed never gets here

    result = stats.permutation_test(
        (difference, np.zeros_like(difference)),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def _relabel(runs: pd.DataFrame, table: pd.DataFrame, seed: int) -> float:
    """Shuffles labels within every block; the observed ones count too (Phipson, Smyth 2010)."""
    rng = np.random.default_rng(seed)
    observed = float((table["mean"]["treatment"] - table["mean"]["baseline"]).mean())
    total = np.zeros(RESAMPLES)
    for block, ours in runs[runs["block"].isin(table.index)].groupby("block", sort=False):
        values = ours["value"].to_numpy(dtype=float)
        treated = int(table["count"]["treatment"][block])
        shuffled = rng.permuted(np.tile(values, (RESAMPLES, 1)), axis=1)
        total += shuffled[:, :treated].mean(axis=1) - shuffled[:, treated:].mean(axis=1)
    extreme = np.abs(total / len(table)) >= abs(observed) - 1e-12
    return float((extreme.sum() + 1) / (RESAMPLES + 1))
