"""By which power of the size the best value of a key changes: one curve, moved along with the size.

Every network has a level of its own, and all share one smooth curve of log(value) − α·log(size),
whose shape is not known. It need not be symmetric, and its optimum may lie beyond the grid. It is
modelled as a Gaussian process (Rasmussen, Williams 2006), whose smoothness and height follow from
the runs by restricted likelihood. α̂ has the highest likelihood; its interval holds every α that an
F test does not tell from α̂. If the residuals of the curve are far larger than runs of one setting
differ by, the networks share no curve, and α̂ means nothing (``MISFIT``).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, fields

import numpy as np
from scipy import special

from analysis.statistics.intervals import LEVEL
from analysis.statistics.moderation import moderate

REACH = (-1.5, 3.0)
"""The exponents that are tried."""
STEPS = (0.1, 0.02, 0.005)
"""Their distance. The finer ones are used only where the interval may end, if it is narrow."""
MOST_FINER = 40
"""Exponents of one finer step that are tried at most."""
LENGTHS = (0.5, 1.0, 2.0, 4.0)
"""Over how many decades the curve changes its course."""
HEIGHTS = np.logspace(-1, 5, 13)
"""The curve's variance in units of the noise's."""
CLIFF = 0.2
"""How far below the best of its network a cell may lie, an accuracy. Below that it shows where
training breaks, and not where the optimum lies."""
NEAR = 0.025
"""How far below it a cell shows the place of the optimum alone, an accuracy. Further down other
things may decide, such as a decay that is too large for every network."""
NEAR_ERRORS = 8.0
"""The same in standard errors of the best cells. The larger of the two counts."""
ENOUGH = 4
"""Degrees of freedom that cells near the best must leave. With fewer, the distance is doubled."""
MISFIT = 0.001
"""The p-value below which networks are taken to share no curve. It is small, so that curves which
are nearly equal pass."""
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


@dataclass(frozen=True, eq=False)
class Cells:
    """The settings of all networks, an entry a setting in each array.

    ``mean`` and ``variance`` are of a setting's runs (NaN: one run), ``runs`` how many there are;
    ``log_value`` and ``log_size`` natural logarithms; ``block`` numbers the networks.
    """

    mean: np.ndarray
    variance: np.ndarray
    runs: np.ndarray
    log_value: np.ndarray
    log_size: np.ndarray
    block: np.ndarray

    def kept(self, which: np.ndarray) -> Cells:
        """The settings of which ``which`` is true."""
        return Cells(*(vars(self)[field.name][which] for field in fields(self)))


@dataclass(frozen=True)
class _Design:
    """What was run, a place a cell; hashable, so that equal designs are decomposed once."""

    log_value: tuple[float, ...]
    log_size: tuple[float, ...]
    block: tuple[int, ...]
    runs: tuple[float, ...]


def exponents(cells: Cells) -> tuple[Exponent, Exponent]:
    """The exponent near the best value of each network, and that of all settings before ``CLIFF``.

    The first is α̂. Where the second is another, something else decides further from the best.
    """
    near, wide = near_the_best(cells), below_best(cells) <= CLIFF
    near_exponent = exponent(cells.kept(near))
    return near_exponent, near_exponent if (near == wide).all() else exponent(cells.kept(wide))


def exponent(cells: Cells, level: float = LEVEL) -> Exponent:
    """α̂ of all these settings, each weighed by its runs and by how far its network's runs spread.

    The means of settings are fitted, not runs, so that whatever no smooth curve explains counts as
    noise.
    """
    free = len(cells.mean) - len(np.unique(cells.block))
    df = free - FITTED
    if df < 1 or len(np.unique(cells.log_size)) < 2:
        return Exponent(cells=len(cells.mean))
    decades = (cells.log_value / math.log(10), cells.log_size / math.log(10))
    spread = _spread_of_networks(cells)
    weights = cells.runs / spread
    design = _Design(*(tuple(column.tolist()) for column in (*decades, cells.block, weights)))
    drop = free / 2 * math.log1p(float(special.fdtri(1, df, level)) / df)
    values = cells.mean - cells.mean.mean()
    tried, fit = _profile(design, values, drop)
    limit = fit.max() - drop
    inside = np.flatnonzero(fit >= limit)
    first, last = int(inside[0]), int(inside[-1])
    low = -math.inf if first == 0 else _crossing(tried, fit, first, first - 1, limit)
    high = math.inf if last == len(tried) - 1 else _crossing(tried, fit, last, last + 1, limit)
    worse = math.expm1(2 / free * float(fit.max() - fit[np.abs(tried).argmin()])) * df
    p = float(special.fdtrc(1, df, worse))
    best = float(tried[fit.argmax()])
    fits = _fits(_noise(design, values, best), df, cells.runs - 1, cells.variance / spread)
    return Exponent(best, low, high, p, len(cells.mean), df, fits)


def _spread_of_networks(cells: Cells) -> np.ndarray:
    """For each setting the variance of its network's runs, moderated, in units of the usual one."""
    networks = np.unique(cells.block, return_inverse=True)[1]
    free = np.where(np.isfinite(cells.variance), cells.runs - 1, 0.0)
    df = np.bincount(networks, free)
    squares = np.bincount(networks, free * np.nan_to_num(cells.variance))
    variance = moderate(
        np.divide(squares, df, where=df > 0, out=np.zeros_like(df)), df + 1
    ).variance
    if not (variance > 0).all():
        return np.ones(len(networks))
    return np.asarray((variance / np.exp(np.log(variance).mean()))[networks])


def _fits(noise: float, df: int, free: np.ndarray, variance: np.ndarray) -> float:
    """``Exponent.fits``: what the curve leaves over of a run's variance, against its own."""
    known = np.isfinite(variance) & (free > 0)
    of_runs = float((free * variance)[known].sum())
    if not of_runs > 0:
        return math.nan
    return float(special.fdtrc(df, free[known].sum(), noise * free[known].sum() / of_runs))


def below_best(cells: Cells) -> np.ndarray:
    """How far each setting lies below the best of its network, an accuracy."""
    numbers = np.unique(cells.block, return_inverse=True)[1]
    best = np.full(numbers.max(initial=-1) + 1, -np.inf)
    np.maximum.at(best, numbers, cells.mean)
    return np.asarray(best[numbers] - cells.mean)


def near_the_best(cells: Cells) -> np.ndarray:
    """Which settings may tell where the optimum lies, by ``NEAR``."""
    below = below_best(cells)
    known = (below == 0) & np.isfinite(cells.variance)
    error = math.sqrt((cells.variance / cells.runs)[known].mean()) if known.any() else 0.0
    within = max(NEAR, NEAR_ERRORS * error)
    while within < CLIFF:
        near = below <= within
        if near.sum() - len(np.unique(cells.block)) - FITTED >= ENOUGH:
            return near
        within *= 2
    return below <= CLIFF


def _profile(design: _Design, values: np.ndarray, drop: float) -> tuple[np.ndarray, np.ndarray]:
    """Exponents in order and how well each fits, closer together where the interval may end."""
    fits: dict[float, float] = {}
    low, high = REACH
    for step in STEPS:
        exponents_tried = np.round(np.arange(low, high + step / 2, step), 3)
        if step < STEPS[0] and len(exponents_tried) > MOST_FINER:
            break
        fits |= {a: _fit(design, values, a) for a in exponents_tried.tolist() if a not in fits}
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
    position = log_value - alpha * log_size
    distance = np.abs(position[:, None] - position[None])
    spectra, directions = [], []
    for length in LENGTHS:
        covariance = root[:, None] * _matern(distance / length) * root[None]
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
