"""Contrasts of cells whose runs differ in number and in spread, and the methods not taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from analysis.statistics.contrasts import (
    effect_of_blocks,
    effect_of_pairs,
    effect_of_units,
)
from analysis.statistics.intervals import t_p_value
from analysis.statistics.moderation import prior_of
from analysis.statistics.random_effects import random_effects_mean
from benchmarks.calibration.design import CHEAP, FALSE, SHOWN, SIGMA, Design, Draw

Cells = Sequence[tuple[int, int]]
"""Runs of the baseline and of the treatment, a pair a block."""
Spreads = Sequence[tuple[float, float]]
"""Their spreads in σ."""
Test = Callable[[np.ndarray, np.ndarray, np.ndarray], float]
"""The p-value of cells' means, variances and counts, (blocks, 2) each."""

QUIET, NOISY = (1.0, 1.0), (6.0, 1.0)


def drawn(
    count: np.ndarray, spread: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Means and variances of normal runs without an effect; NaN for the variance of one run."""
    free = np.maximum(count - 1, 1)
    variance = spread**2 * rng.chisquare(free) / free
    return spread / np.sqrt(count) * rng.normal(size=count.shape), np.where(
        count > 1, variance, np.nan
    )


def used(mean: np.ndarray, variance: np.ndarray, count: np.ndarray) -> float:
    """The p-value of the report."""
    return effect_of_blocks(mean, variance, count).p


def cells(runs: Cells, spreads: Spreads, *, effect: float = 0.0, **tests: Test) -> Draw:
    """Whether the report's test, and any other, shows a difference; ``effect`` is in σ."""
    count, spread = np.array(runs, dtype=float), SIGMA * np.array(spreads)

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        mean, variance = drawn(count, spread, rng)
        mean[:, 1] += effect * SIGMA
        found = {"shown" if effect else "false": used(mean, variance, count) < 0.05}
        return found | {name: test(mean, variance, count) < 0.05 for name, test in tests.items()}

    return draw


def families(blocks: Sequence[int], own: float, largest: float = 1.0) -> Draw:
    """Families of so many blocks, each with an effect of its own of ``own`` σ, 0 on average.

    The runs of the last spread ``largest`` times as far as those of the others.
    """
    unit = np.repeat(np.arange(len(blocks)), blocks)
    count = np.full((len(unit), 2), 3.0)
    spread = SIGMA * np.where(unit == len(blocks) - 1, largest, 1.0)[:, None] * np.ones(2)

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        mean, variance = drawn(count, spread, rng)
        mean[:, 1] += own * SIGMA * rng.normal(size=len(blocks))[unit]
        return {"false": effect_of_units(mean, variance, count, unit).p < 0.05}

    return draw


def pairs(blocks: int, effect: float) -> Draw:
    """Five seeds hold out images of their own, which move all runs, and some treatments more."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        alike = SIGMA * rng.normal(size=5)  # what a split does to the treatment, in every block
        difference = alike + math.sqrt(2) * SIGMA * rng.normal(size=(blocks, 5)) + effect * SIGMA
        return {"shown" if effect else "false": effect_of_pairs(difference).p < 0.05}

    return draw


def plain_welch(mean: np.ndarray, variance: np.ndarray, count: np.ndarray) -> float:
    """Welch–Satterthwaite over few blocks with nothing added."""
    parts, free = (variance / count).ravel(), (count - 1).ravel()
    df = parts.sum() ** 2 / (parts**2 / free).sum()
    effect = float((mean[:, 1] - mean[:, 0]).mean())
    return float(t_p_value(effect, math.sqrt(parts.sum()) / len(mean), df))


def moderated_variances(mean: np.ndarray, variance: np.ndarray, count: np.ndarray) -> float:
    """Hartung–Knapp over many blocks, each weighed by its own variances, moderated (Smyth 2004)."""
    free = count.ravel() - 1
    prior, prior_df = prior_of(variance.ravel(), free)
    least = max(prior_df, 4.0)
    own = (
        np.full(len(free), prior)
        if math.isinf(least)
        else (least * prior + free * variance.ravel()) / (least + free)
    )
    noise = (own.reshape(-1, 2) / count).sum(axis=1)
    return float(t_p_value(*random_effects_mean(mean[:, 1] - mean[:, 0], noise)))


def _method(what: str, draw: Draw) -> Design:
    return Design(what, draw, FALSE, CHEAP, fast=draw, method=True)


def _fast(what: str, draw: Draw, asked: dict[str, tuple[float, float]] = FALSE) -> Design:
    return Design(what, draw, asked, CHEAP, fast=draw)


THREE, MANY = (3, 3), (20, 20)
UNEVEN = {
    "contrast, 2 blocks, one cell of 2 runs 6 times noisier, others of 20": _fast(
        "no effect", cells([(2, 20), MANY], [NOISY, QUIET])
    ),
    "contrast, 4 blocks of 3 runs, a noisy cell lost one": _fast(
        "no effect", cells([(2, 3), *[THREE] * 3], [NOISY, *[QUIET] * 3])
    ),
    "contrast, 3 blocks, two cells of 2 runs, one 6 times noisier": _fast(
        "no effect", cells([(2, 2), (5, 5), (5, 5)], [NOISY, (1.0, 2.0), QUIET])
    ),
    "contrast, 4 blocks of 3 runs, a noisy cell lost two": _fast(
        "no effect", cells([(1, 3), *[THREE] * 3], [NOISY, *[QUIET] * 3])
    ),
    "contrast, 4 blocks of 3 runs, a cell lost one, 2.5 σ ahead": _fast(
        "true lead", cells([(2, 3), *[THREE] * 3], [QUIET] * 4, effect=2.5), SHOWN
    ),
    "contrast, 5 blocks, n = 2": _fast("no effect", cells([(2, 2)] * 5, [QUIET] * 5)),
    "contrast, 8 blocks, 2 runs 6 times noisier against 20": _fast(
        "no effect", cells([(2, 20)] * 8, [NOISY] * 8)
    ),
    "contrast, 8 blocks, noisy arms alternate": _fast(
        "no effect", cells([(2, 20), (20, 2)] * 4, [NOISY, (1.0, 6.0)] * 4)
    ),
    "contrast, 6 blocks of 2 to 20 runs, the largest noisiest": _fast(
        "no effect",
        cells([(n, n) for n in (2, 3, 5, 8, 12, 20)], [*[QUIET] * 5, (6.0, 6.0)]),
    ),
    "contrast, 6 families, each its own effect": _fast(
        "none on average", families(range(1, 7), 2.0)
    ),
    "contrast, 5 families, one of 10 networks, four of one, effects differ by .5 σ": _fast(
        "none on average", families((1, 1, 1, 1, 10), 0.5)
    ),
    "contrast, 5 families, one of 10 networks 3 times noisier, four of one": _fast(
        "no effect", families((1, 1, 1, 1, 10), 0.0, 3.0)
    ),
    "contrast, 8 blocks, two of 20 runs 3 times noisier, six of 3": _fast(
        "no effect", cells([MANY] * 2 + [THREE] * 6, [(3.0, 3.0)] * 2 + [QUIET] * 6)
    ),
    "contrast by pairs, 3 blocks, 5 splits": _fast("no effect on average", pairs(3, 0.0)),
    "contrast by pairs, 8 blocks, 5 splits": _fast("no effect on average", pairs(8, 0.0)),
    "method: the noisiest cell counts double": _method(
        "4 blocks, n = 3, one cell of eight 6 times noisier",
        cells([THREE] * 4, [NOISY, *[QUIET] * 3], plain=plain_welch),
    ),
    "method: a cell of two runs": _method(
        "one block, n = 2 at σ .6 against n = 20 at .1",
        cells([(2, 20)], [NOISY], plain=plain_welch),
    ),
}
