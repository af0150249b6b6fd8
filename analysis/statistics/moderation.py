"""Moderated variances of few runs: each is shrunk towards the common variance of all cells.

Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression": the
true variances of many cells are taken to follow a scaled inverse chi-square with d0 degrees of
freedom about s0²; both are estimated from the cells. Where the cells' variances differ by no more
than chance, all of them share one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import special

ENOUGH = 3
"""Cells with two or more runs that are needed to estimate how much variances differ."""

ALIKE = 0.5
"""No cell's runs are taken to spread by less than this share of the mean variance of all."""

FURTHER = 0.1
"""The p-value below which a cell's runs count as more spread than all others'."""


class Moderated(NamedTuple):
    """Each cell's variance and its degrees of freedom; NaN and 0 where unknown."""

    variance: np.ndarray
    df: np.ndarray


def moderate(variance: np.ndarray, n: np.ndarray) -> Moderated:
    """The moderated variances of cells with ``n`` runs; a cell of one run has the common one.

    Both are (cells,), a variance NaN where its cell has one run. Where fewer than ``ENOUGH`` are
    known, each cell keeps its own.
    """
    variance, n = np.asarray(variance, dtype=float), np.asarray(n, dtype=float)
    own = np.maximum(n - 1, 0)
    known = (own > 0) & np.isfinite(variance)
    if known.sum() < ENOUGH or not (variance[known] > 0).any():
        return Moderated(np.where(known, variance, np.nan), np.where(known, own, 0.0))
    prior, prior_df = prior_of(variance[known], own[known])
    squares = np.where(known, own * np.where(known, variance, 0.0), 0.0)
    pooled_df = own[known].sum()
    if math.isinf(prior_df):
        return Moderated(np.full(len(n), prior), np.full(len(n), pooled_df))
    weight = prior_df + np.where(known, own, 0.0)
    return Moderated((prior_df * prior + squares) / weight, np.minimum(weight, pooled_df))


def least_variance(variance: np.ndarray, n: np.ndarray) -> float:
    """``ALIKE`` of the cells' mean variance, the widest one's aside; 0 below ``ENOUGH`` cells.

    What came out highest may owe it to runs that agree by chance. Of skewed runs, and of runs of
    two kinds, those that agree are also too high. Arguments as in ``moderate``.
    """
    known = np.sort(variance[(n > 1) & np.isfinite(variance)])
    return ALIKE * float(known[:-1].mean()) if len(known) >= ENOUGH else 0.0


def spreads_further(variance: np.ndarray, n: np.ndarray) -> bool:
    """Whether the first cell's runs spread further than those of the others together (F test).

    Arguments as in ``moderate``.
    """
    free = np.where(np.isfinite(variance), n - 1, 0)
    squares = np.nan_to_num(variance) * free
    others, first = float(free[1:].sum()), float(free[0])
    if not (first > 0 and squares[1:].sum() > 0):
        return False
    ratio = squares[0] / first * others / squares[1:].sum()
    return bool(special.fdtrc(first, others, ratio) < FURTHER)


def prior_of(variance: np.ndarray, df: np.ndarray) -> tuple[float, float]:
    """s0² and d0 from the mean and the variance of log variances.

    ``variance`` and its degrees of freedom ``df`` are those of cells of two runs or more, (cells,).
    """
    floor = 1e-12 * variance[variance > 0].mean()  # runs that are bit-identical
    logs = np.log(np.maximum(variance, floor)) - special.digamma(df / 2) + np.log(df / 2)
    beyond = logs.var(ddof=1) - special.polygamma(1, df / 2).mean()
    if beyond <= 0:
        return float((df * variance).sum() / df.sum()), math.inf
    prior_df = 2 * _trigamma_inverse(float(beyond))
    return float(
        np.exp(logs.mean() + special.digamma(prior_df / 2) - np.log(prior_df / 2))
    ), prior_df


def _trigamma_inverse(value: float) -> float:
    """The x with trigamma(x) = value, by Newton's method on 1 ÷ trigamma (Smyth 2004, appendix)."""
    x = 0.5 + 1 / value
    for _ in range(50):
        now = float(special.polygamma(1, x))
        step = now * (1 - now / value) / float(special.polygamma(2, x))
        x += step
        if -step < 1e-8 * x:
            break
    return x
