"""By which power of the size the best value of a key changes: one curve, moved along with the size.

Every block has a level of its own, and all share one smooth curve of log(value) − α·log(size). α̂ is
where the residual is smallest; its interval holds every α that an F test does not tell from it. The
curve is a natural cubic spline; it need not be symmetric, nor its optimum lie within the grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from analysis.statistics.intervals import LEVEL

COLUMNS = 3
"""Of the spline: with more, steep curves fit better and flat ones worse (docs/statistics.md)."""
REACH = (-1.5, 3.0)
"""The exponents that are tried."""
STEP = 0.05


@dataclass(frozen=True)
class Exponent:
    """α̂ and its interval; an end is infinite where every exponent tried on that side fits as well.

    ``cells`` counts the means that were fitted, ``df`` what is left to judge the fit by.
    """

    estimate: float = math.nan
    low: float = -math.inf
    high: float = math.inf
    cells: int = 0
    df: int = 0


def exponent(
    mean: np.ndarray,
    runs: np.ndarray,
    log_value: np.ndarray,
    log_size: np.ndarray,
    block: np.ndarray,
    level: float = LEVEL,
) -> Exponent:
    """α̂ from cells' means; ``runs`` weighs them, ``block`` numbers the networks.

    Cells and not runs are fitted, so that what no smooth curve explains counts as noise in full.
    """
    blocks = len(np.unique(block))
    df = len(mean) - blocks - COLUMNS - 1
    if df < 1 or len(np.unique(log_size)) < 2:
        return Exponent(cells=len(mean))
    tried = np.arange(REACH[0], REACH[1] + STEP / 2, STEP)
    left = np.array([_residual(mean, runs, log_value - alpha * log_size, block) for alpha in tried])
    best = int(left.argmin())
    limit = left[best] * (1 + float(special.fdtri(1, df, level)) / df)
    inside = np.flatnonzero(left <= limit)
    first, last = int(inside[0]), int(inside[-1])
    low = -math.inf if first == 0 else _crossing(tried, left, first, first - 1, limit)
    high = math.inf if last == len(tried) - 1 else _crossing(tried, left, last, last + 1, limit)
    return Exponent(_vertex(tried, left, best), low, high, len(mean), df)


def _residual(mean: np.ndarray, runs: np.ndarray, x: np.ndarray, block: np.ndarray) -> float:
    """The weighted residual sum of squares of blocks' levels and one curve."""
    root = np.sqrt(runs)[:, None]
    levels = (block[:, None] == np.unique(block)[None]).astype(float)
    basis, _ = np.linalg.qr(root * np.hstack([levels, _spline(x)]))
    target = root[:, 0] * (mean - np.average(mean, weights=runs))
    return float(target @ target - ((basis.T @ target) ** 2).sum())


def _spline(x: np.ndarray) -> np.ndarray:
    """A natural cubic spline without its constant: linear beyond its outer knots."""
    scaled = (x - x.mean()) / (x.std() or 1.0)
    knots = np.quantile(scaled, np.linspace(0.05, 0.95, COLUMNS + 1))
    cubes = np.clip(scaled[:, None] - knots[None], 0, None) ** 3
    parts = (cubes[:, :-1] - cubes[:, -1:]) / np.maximum(knots[-1] - knots[:-1], 1e-9)
    return np.column_stack([scaled, parts[:, :-1] - parts[:, -1:]])


def _crossing(
    tried: np.ndarray, left: np.ndarray, inside: int, outside: int, limit: float
) -> float:
    share = (limit - left[inside]) / (left[outside] - left[inside])
    return float(tried[inside] + share * (tried[outside] - tried[inside]))


def _vertex(tried: np.ndarray, left: np.ndarray, best: int) -> float:
    """The bottom of the parabola through the smallest residual and its neighbours."""
    if not 0 < best < len(tried) - 1:
        return float(tried[best])
    before, at, after = left[best - 1 : best + 2]
    bend = before - 2 * at + after
    return float(tried[best] + (STEP * (before - after) / (2 * bend) if bend > 0 else 0.0))
