"""By which power of the size the best value of a key changes: one curve, moved along with the size.

Every network has a level of its own, and all share one smooth curve of log(value) − α·log(size),
whose shape nobody knows: it need not be symmetric, nor its optimum lie within the grid. It is taken
to be a Gaussian process (Rasmussen, Williams 2006), whose smoothness and height the runs decide by
restricted likelihood. α̂ is where that is highest; its interval holds every α that an F test does
not tell from it. Where what the curve leaves over is far more than runs of one setting differ by,
the networks share no curve, and α̂ means nothing (``MISFIT``).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from analysis.statistics.intervals import LEVEL

REACH = (-1.5, 3.0)
"""The exponents that are tried."""
STEPS = (0.1, 0.02, 0.005)
"""How far apart: the finer ones only where the interval may end, while it is narrow."""
MOST_FINER = 40
"""Exponents of one finer step that are tried at most."""
LENGTHS = (0.5, 1.0, 2.0, 4.0)
"""Over how many decades the curve changes its course."""
HEIGHTS = np.logspace(-1, 5, 13)
"""The curve's variance in units of the noise's."""
CLIFF = 0.2
"""How far below the best of its network a cell says where training breaks, and not where the
optimum lies; an accuracy."""
MISFIT = 0.001
"""The p-value below which networks are taken to share no curve; nearly equal ones pass."""
FITTED = 3
"""What the runs decide besides the networks' levels: length, height and exponent."""


@dataclass(frozen=True)
class Exponent:
    """α̂ and its interval; an end is infinite where every exponent tried on that side fits as well.

    ``p`` is that of α = 0, ``cells`` counts the means that were fitted, ``df`` what is left to
    judge the fit by. ``fits`` is the p-value of one curve for all networks, against the spread of
    runs of one setting; NaN where every setting has one run.
    """

    estimate: float = math.nan
    low: float = -math.inf
    high: float = math.inf
    p: float = math.nan
    cells: int = 0
    df: int = 0
    fits: float = math.nan

    @property
    def shared(self) -> bool:
        """Whether the networks may share one curve."""
        return not self.fits < MISFIT


@dataclass(frozen=True)
class _Design:
    """What was run, a place a cell; hashable, so that equal designs are decomposed once."""

    log_value: tuple[float, ...]
    log_size: tuple[float, ...]
    block: tuple[int, ...]
    runs: tuple[float, ...]


def exponent(
    mean: np.ndarray,
    runs: np.ndarray,
    log_value: np.ndarray,
    log_size: np.ndarray,
    block: np.ndarray,
    level: float = LEVEL,
    variance: np.ndarray | None = None,
) -> Exponent:
    """α̂ from cells' means; ``runs`` weighs them, ``block`` numbers the networks.

    ``variance`` is that of each cell's runs, NaN where it has one. Logarithms are natural ones.
    Cells and not runs are fitted, so that what no smooth curve explains counts as noise in full.
    """
    free = len(mean) - len(np.unique(block))
    df = free - FITTED
    if df < 1 or len(np.unique(log_size)) < 2:
        return Exponent(cells=len(mean))
    decades = (log_value / math.log(10), log_size / math.log(10))
    design = _Design(*(tuple(values.tolist()) for values in (*decades, block, runs)))
    drop = free / 2 * math.log1p(float(special.fdtri(1, df, level)) / df)
    tried, fit = _profile(design, mean - mean.mean(), drop)
    limit = fit.max() - drop
    inside = np.flatnonzero(fit >= limit)
    first, last = int(inside[0]), int(inside[-1])
    low = -math.inf if first == 0 else _crossing(tried, fit, first, first - 1, limit)
    high = math.inf if last == len(tried) - 1 else _crossing(tried, fit, last, last + 1, limit)
    worse = math.expm1(2 / free * float(fit.max() - fit[np.abs(tried).argmin()])) * df
    p = float(special.fdtrc(1, df, worse))
    best = float(tried[fit.argmax()])
    noise = _noise(design, mean - mean.mean(), best)
    return Exponent(best, low, high, p, len(mean), df, _fits(noise, df, variance, runs))


def _fits(noise: float, df: int, variance: np.ndarray | None, runs: np.ndarray) -> float:
    """``Exponent.fits``, from the variance of a run that the curve leaves over (F test)."""
    if variance is None or not (known := np.isfinite(variance) & (runs > 1)).any():
        return math.nan
    free = runs[known] - 1
    pure = float((free * variance[known]).sum() / free.sum())
    return float(special.fdtrc(df, free.sum(), noise / pure)) if pure > 0 else math.nan


def before_the_cliff(mean: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Which cells may tell where the optimum lies: no smooth curve has a cliff."""
    numbers = np.unique(block, return_inverse=True)[1]
    best = np.full(numbers.max(initial=-1) + 1, -np.inf)
    np.maximum.at(best, numbers, mean)
    return mean >= best[numbers] - CLIFF


def _profile(design: _Design, values: np.ndarray, drop: float) -> tuple[np.ndarray, np.ndarray]:
    """Exponents in order and how well each fits, closer together where the interval may end."""
    fits: dict[float, float] = {}
    low, high = REACH
    for step in STEPS:
        wanted = np.round(np.arange(low, high + step / 2, step), 3)
        if step < STEPS[0] and len(wanted) > MOST_FINER:
            break
        fits |= {a: _fit(design, values, a) for a in wanted.tolist() if a not in fits}
        tried = np.array(sorted(fits))
        fit = np.array([fits[alpha] for alpha in tried])
        inside = np.flatnonzero(fit >= fit.max() - drop)
        low, high = tried[max(inside[0] - 1, 0)], tried[min(inside[-1] + 1, len(tried) - 1)]
    return tried, fit


def _fit(design: _Design, values: np.ndarray, alpha: float) -> float:
    """The restricted log likelihood of an exponent, at the best smoothness and height."""
    return -0.5 * float(_deviances(design, values, alpha)[0].min())


def _noise(design: _Design, values: np.ndarray, alpha: float) -> float:
    """The variance of a run that is left over at an exponent's best smoothness and height."""
    deviances, left = _deviances(design, values, alpha)
    free = len(values) - len(set(design.block))
    return float(left.ravel()[deviances.argmin()]) / free


def _deviances(design: _Design, values: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """-2 log likelihood, and the squares that are left over, for every length and height."""
    directions, weights, cost = _decomposed(design, alpha)
    squares = (directions @ values) ** 2
    left = np.maximum((weights @ squares[:, :, None])[..., 0], 1e-300)  # no spread at all
    return cost + directions.shape[1] * np.log(left), left


@functools.lru_cache(maxsize=512)
def _decomposed(design: _Design, alpha: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The covariance between cells without the networks' levels, for every length and height.

    The directions in which cells are independent, (lengths, free, cells); 1 ÷ their variance in
    units of the noise's, (lengths, heights, free), and the logarithm of its determinant.
    """
    log_value, log_size = np.array(design.log_value), np.array(design.log_size)
    root = np.sqrt(np.array(design.runs))
    block = np.array(design.block)
    levels = root[:, None] * (block[:, None] == np.unique(block)[None])
    free = np.linalg.qr(levels, mode="complete").Q[:, levels.shape[1] :]
    place = log_value - alpha * log_size
    apart = np.abs(place[:, None] - place[None])
    spectra, directions = [], []
    for length in LENGTHS:
        covariance = root[:, None] * _matern(apart / length) * root[None]
        eigenvalues, vectors = np.linalg.eigh(free.T @ covariance @ free)
        spectra.append(np.maximum(eigenvalues, 0.0))
        directions.append((free @ vectors).T * root[None])
    variance = 1 + HEIGHTS[None, :, None] * np.array(spectra)[:, None, :]
    return np.array(directions), 1 / variance, np.log(variance).sum(axis=-1)


def _matern(distance: np.ndarray) -> np.ndarray:
    """The correlation of a curve that bends smoothly (Matérn, 5/2)."""
    scaled = math.sqrt(5) * distance
    return (1 + scaled + scaled**2 / 3) * np.exp(-scaled)


def _crossing(tried: np.ndarray, fit: np.ndarray, inside: int, outside: int, limit: float) -> float:
    """Where the fit between two neighbours is just as good as the limit."""
    share = (fit[inside] - limit) / (fit[inside] - fit[outside])
    return float(tried[inside] + share * (tried[outside] - tried[inside]))
