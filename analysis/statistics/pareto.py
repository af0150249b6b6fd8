"""The Pareto front of small and accurate networks, with its uncertainty.

Simulated are the means of a fresh set of as many seeds, so that a probability says how often "this
one is on the front" holds when it is checked. Measured means are first shrunk towards a trend that
rises with size (an isotonic regression), by as much as noise explains their distance from it. The
best of many is partly lucky, and without shrinkage its neighbours would be called dominated too
often.
Method and calibration: docs/decisions/pareto-front.md.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from analysis.record.tables import TableError
from analysis.statistics.intervals import pooled_sd

DRAWS = 4_000
CELLS = 20_000_000  # draws × configurations in memory at once: 160 MB
BAND = (0.025, 0.975)


def pareto(frame: pd.DataFrame, x: str, *, seed: int = 0, draws: int = DRAWS) -> pd.DataFrame:
    """The rows of ``replicates``, by size, each with its relation to the front of low x, high mean.

    ``on_front``: nothing of its size has a higher mean, and nothing smaller one as high.
    ``probability``: that this holds again on fresh seeds. ``front_low``–``front_high``: 95 % band
    of the front's height at this x. The spread of one run is pooled over all configurations with
    two runs or more; where there are none, probability and band are NaN, since nobody knows what
    one run is worth.

    Raises:
        TableError: where ``x`` is no numeric column.
    """
    rows = _sized(frame, x)
    size = rows[x].to_numpy(dtype=float)
    mean = rows["mean"].to_numpy(dtype=float).round(12)  # sums differ in the last digits
    groups = _groups(size)
    sd, df = pooled_sd(rows["sd"], rows["n"])
    probability, low, high = np.full((3, len(rows)), math.nan)
    if df and len(rows):
        n = rows["n"].to_numpy(dtype=float)
        fresh = _fresh_means(mean, n, sd, df, np.random.default_rng(seed), draws)
        probability = _on_front(fresh, groups).mean(axis=0)
        low, high = np.quantile(_heights(fresh, groups), BAND, axis=0).clip(0, 1)
    return rows.assign(
        on_front=_on_front(mean[None], groups)[0],
        probability=probability,
        front=_heights(mean[None], groups)[0],
        front_low=low,
        front_high=high,
    )


def _sized(frame: pd.DataFrame, x: str) -> pd.DataFrame:
    """The rows with an x, smallest first."""
    if x not in frame or not pd.api.types.is_numeric_dtype(frame[x]):
        numeric = [name for name in frame if pd.api.types.is_numeric_dtype(frame[name])]
        raise TableError(f"no numeric column {x!r} for the front; there are {', '.join(numeric)}")
    known = frame[frame[x].notna() & frame["mean"].notna()]
    return known.sort_values(x, kind="stable").reset_index(drop=True)


def _groups(size: np.ndarray) -> np.ndarray:
    """The index of the last configuration of each one's size: equal sizes compete at once."""
    return np.searchsorted(size, size, side="right") - 1


def _fresh_means(
    mean: np.ndarray, n: np.ndarray, sd: float, df: int, rng: np.random.Generator, draws: int
) -> np.ndarray:
    """(draws, configurations): simulated means of a fresh set of seeds."""
    draws = int(min(draws, max(200, CELLS // max(len(mean), 1))))
    centre, variance = _posterior(mean, n, sd)
    # the standard deviation is an estimate itself
    doubt = np.sqrt(df / rng.chisquare(df, size=(draws, 1)))
    spread = np.sqrt(variance + sd**2 / n)
    return centre + doubt * spread * rng.standard_normal((draws, len(mean)))


def _posterior(mean: np.ndarray, n: np.ndarray, sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each true mean, given the runs; ``mean`` is ordered by size."""
    trend = isotonic_regression(mean, weights=n)
    starts = np.asarray(trend.blocks[:-1], dtype=int)
    noise = sd**2 / n
    trend_noise = sd**2 / np.repeat(np.add.reduceat(n, starts), np.diff(trend.blocks))
    free = len(mean) - len(starts)
    beyond = ((mean - trend.x) ** 2).sum() / free - noise.mean() if free else 0.0
    own = max(float(beyond), 0.0)  # variance of the true means about the trend
    total = own + noise
    kept = np.divide(own, total, out=np.ones_like(total), where=total > 0)  # no spread: no doubt
    centre = trend.x + kept * (mean - trend.x)
    return centre, kept * noise + (1 - kept) ** 2 * trend_noise


def _heights(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The best value up to and including each configuration's size."""
    return np.maximum.accumulate(values, axis=1)[:, groups] if len(groups) else values


def _on_front(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Which are as high as any of their size, and higher than all smaller ones."""
    if not len(groups):
        return values >= values
    starts = np.searchsorted(groups, groups, side="left")
    smaller = np.maximum.accumulate(values, axis=1)[:, np.maximum(starts - 1, 0)]
    return (values >= _heights(values, groups)) & ((starts == 0) | (values > smaller))
