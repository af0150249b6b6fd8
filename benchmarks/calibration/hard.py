"""Awkward studies: coarse accuracies, failures, skewed runs, margins of 0."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from analysis.claims.arm import Arm, with_spread_of_kind
from analysis.claims.best import interval_of_best, winner
from analysis.claims.noninferior import margin_test
from analysis.statistics.contrasts import effect_of_blocks
from analysis.statistics.intervals import rounding_variance
from analysis.statistics.multiple_tests import holm
from benchmarks.calibration.design import CHEAP, FALSE, MIDDLE, SHOWN, SIGMA, Design, Draw
from benchmarks.calibration.uneven import Test, moderated_variances, plain_welch, used

Shape = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
"""Draws with mean 0 and standard deviation 1."""

SKEWED: Shape = lambda rng, size: 1 - rng.exponential(size=size)  # noqa: E731
HEAVY: Shape = lambda rng, size: rng.standard_t(3, size=size) / math.sqrt(3)  # noqa: E731
NORMAL: Shape = lambda rng, size: rng.normal(size=size)  # noqa: E731
BENT: Shape = lambda rng, size: 2 - rng.gamma(4.0, size=size) / 2  # noqa: E731
"""Half as skewed as an exponential."""
TWO: Shape = lambda rng, size: (  # noqa: E731
    0.995 * np.where(rng.random(size) < 0.5, 1.0, -1.0) + 0.1 * rng.normal(size=size)
)
"""Half of the runs end high, the others low, each close together."""
DIPS: Shape = lambda rng, size: (  # noqa: E731
    0.3 * rng.normal(size=size) + 0.33 - 3.3 * (rng.random(size) < 0.1)
)
"""Every tenth run falls far behind the others."""


def differs(values: np.ndarray, least: float = 0.0) -> bool:
    """Whether (blocks, 2, runs) accuracies show a difference."""
    variance = np.maximum(values.var(axis=2, ddof=1), least)
    count = np.full(variance.shape, float(values.shape[2]))
    return effect_of_blocks(values.mean(axis=2), variance, count).p < 0.05


def shaped(
    blocks: int,
    runs: int,
    baseline: Shape,
    treatment: Shape,
    wide: float = 1.0,
    *,
    effect: float = 0.0,
    **tests: Test,
) -> Draw:
    """The treatment's runs are ``wide`` times as noisy, of another shape, ``effect`` σ ahead."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        arms = [baseline(rng, (blocks, runs)), effect + wide * treatment(rng, (blocks, runs))]
        values = MIDDLE + SIGMA * np.stack(arms, axis=1)
        mean, variance = values.mean(axis=2), values.var(axis=2, ddof=1)
        count = np.full(mean.shape, float(runs))
        found = {"shown" if effect else "false": used(mean, variance, count) < 0.05}
        return found | {name: test(mean, variance, count) < 0.05 for name, test in tests.items()}

    return draw


def differing(blocks: int, runs: int, between: float, shape: Shape) -> Draw:
    """Runs are normal; the blocks' own effects, 0 on average, are of a shape and ``between`` σ."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        runs_of_both = rng.normal(size=(blocks, 2, runs))
        runs_of_both[:, 1] += between * shape(rng, (blocks, 1))
        return {"false": differs(MIDDLE + SIGMA * runs_of_both)}

    return draw


def winner_of(
    count: int, runs: int, shape: Shape, wide: float, others: Shape | None = None
) -> Draw:
    """Whether the best one's interval covers; of equals, one is of a shape and noisier."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        values = (others or NORMAL)(rng, (count, runs))
        values[0] = wide * shape(rng, (runs,))
        arms = [arm(str(number), one) for number, one in enumerate(MIDDLE + SIGMA * values)]
        low, high = interval_of_best(sorted(arms, key=lambda arm: -arm.mean))
        return {"covers": low <= MIDDLE <= high}

    return draw


def coarse(images: int, runs: int, step: float, *, best: bool) -> Draw:
    """Equal networks on few images; a run's spread is ``step`` of the steps between accuracies."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        size = (3, runs) if best else (1, 2, runs)
        right = images * (0.8 + rng.random() / images) + step * rng.normal(size=size)
        values = np.round(right) / images
        if not best:
            return {"false": differs(values, rounding_variance(values))}
        arms = [arm(str(number), one) for number, one in enumerate(values)]
        return {"false": winner(sorted(arms, key=lambda arm: -arm.mean)).p < 0.05}

    return draw


def arm(name: str, values: np.ndarray, collapsed: np.ndarray | None = None) -> Arm:
    lost = np.zeros(len(values), dtype=bool) if collapsed is None else collapsed
    return Arm(name, 1, np.where(lost, 0.1, values), values[~lost], len(values))


def triple(mean: np.ndarray, variance: np.ndarray, count: np.ndarray) -> float:
    """The report's p-value, as if every chance of error counted triple."""
    return 3 * used(mean, variance, count)


def within(
    margin: float,
    *,
    candidates: int = 7,
    noisy: float = 1.0,
    share: float = 0.0,
    shape: Shape = NORMAL,
    wide: float = 1.0,
    dense_shape: Shape = NORMAL,
) -> Draw:
    """Every small network loses exactly the margin; the dense one is noisier, or diverges.

    The small ones' runs are of a ``shape`` and ``wide`` times as noisy.
    """

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        dense = arm("dense", MIDDLE + noisy * SIGMA * dense_shape(rng, (5,)), rng.random(5) < share)
        if not len(dense.trained):
            return {"false": False}
        small = MIDDLE - margin + wide * SIGMA * shape(rng, (candidates, 5))
        arms = with_spread_of_kind([arm("small", one) for one in small], [False] * len(small))
        p_values = [margin_test(arm, dense, margin)[0] for arm in arms]
        return {"false": min(holm(p_values)) < 0.05}

    return draw


def hard(
    what: str, draw: Draw, asked: dict[str, tuple[float, float]] = FALSE, studies: int = CHEAP
) -> Design:
    return Design(what, draw, asked, studies, second_stage=True, fast=draw)


def _method(what: str, draw: Draw, asked: dict[str, tuple[float, float]]) -> Design:
    """Of two ways to test, side by side."""
    return Design(what, draw, asked, CHEAP, fast=draw, method=True)


NO_BOUND: dict[str, tuple[float, float]] = {}
"""Of designs in which no test of so few runs can be right: they are measured, and said to be."""

HARD = {
    "best of 3 equals on 20 images, n = 5": hard(
        "steps of .7 σ", coarse(20, 5, 1.5, best=True), studies=1_000
    ),
    "contrast on 20 images, n = 5": hard("steps of .7 σ", coarse(20, 5, 1.5, best=False)),
    "contrast on 20 images, n = 5, most runs alike": hard(
        "steps of 5 σ", coarse(20, 5, 0.2, best=False)
    ),
    "contrast, 4 blocks, exponential noise": hard("n = 5", shaped(4, 5, SKEWED, SKEWED)),
    "contrast, 8 blocks, exponential noise": hard("n = 3", shaped(8, 3, SKEWED, SKEWED)),
    "contrast, 8 blocks, noise with infinite kurtosis": hard("n = 3", shaped(8, 3, HEAVY, HEAVY)),
    "contrast, 8 blocks, one arm exponential": hard("n = 3", shaped(8, 3, NORMAL, SKEWED)),
    "contrast, 8 blocks, one arm exponential and 6 times noisier": hard(
        "n = 3", shaped(8, 3, NORMAL, SKEWED, 6.0)
    ),
    "contrast, 28 blocks, one arm exponential and 6 times noisier": hard(
        "n = 3", shaped(28, 3, NORMAL, SKEWED, 6.0)
    ),
    "contrast, 4 blocks of 5 runs, one arm exponential and 6 times noisier": hard(
        "no effect", shaped(4, 5, NORMAL, SKEWED, 6.0)
    ),
    "contrast, 1 block of 10 runs, one arm exponential and 6 times noisier": hard(
        "no effect", shaped(1, 10, NORMAL, SKEWED, 6.0), NO_BOUND
    ),
    "contrast, 1 block of 5 runs, one arm exponential and 6 times noisier": hard(
        "no effect; in one study of ten all runs lie above their mean",
        shaped(1, 5, NORMAL, SKEWED, 6.0),
        NO_BOUND,
    ),
    "method: blocks are weighed by their runs, one arm exponential and 6 times noisier": _method(
        "8 blocks, n = 3",
        shaped(8, 3, NORMAL, SKEWED, 6.0, moderated=moderated_variances),
        FALSE,
    ),
    "method: blocks are weighed by their runs, 1.2 σ ahead": _method(
        "8 blocks, n = 3, normal noise",
        shaped(8, 3, NORMAL, NORMAL, effect=1.2, moderated=moderated_variances),
        SHOWN,
    ),
    "method: the chance of error counts double, 1 block of 10 runs, 1.6 σ ahead": _method(
        "normal noise",
        shaped(1, 10, NORMAL, NORMAL, effect=1.6, plain=plain_welch),
        SHOWN,
    ),
    "contrast, 1 block of 5 runs, one arm skewed and 3 times noisier": hard(
        "no effect; half the skew of an exponential", shaped(1, 5, NORMAL, BENT, 3.0)
    ),
    "method: chances of error would count triple, 1 block of 5 runs, one exponential and 6 times"
    " noisier": _method(
        "no effect",
        shaped(1, 5, NORMAL, SKEWED, 6.0, triple=triple),
        NO_BOUND,
    ),
    "method: chances of error would count triple, 1 block of 5 runs, 2.45 σ ahead": _method(
        "normal noise",
        shaped(1, 5, NORMAL, NORMAL, effect=2.45, triple=triple),
        NO_BOUND,
    ),
    **{
        f"contrast, {blocks} block{'s' * (blocks > 1)} of {runs} runs, every tenth run of one arm"
        " 10 σ lower": hard(
            "no effect on average", shaped(blocks, runs, NORMAL, DIPS, 3.0), NO_BOUND
        )
        for blocks, runs in ((1, 5), (2, 5), (6, 3), (12, 3))
    },
    **{
        f"contrast, {blocks} blocks whose effects are exponential and differ by 4 σ": hard(
            "no effect on average, n = 3", differing(blocks, 3, 4.0, SKEWED), NO_BOUND
        )
        for blocks in (6, 28)
    },
    "smallest, at the margin, 3 candidates, all exponential and 6 times noisier": hard(
        "five runs each", within(0.01, candidates=3, shape=SKEWED, wide=6.0), NO_BOUND, 1_000
    ),
    "smallest, at the margin, 3 candidates, all exponential": hard(
        "noise alike", within(0.01, candidates=3, shape=SKEWED), studies=1_000
    ),
    "smallest, at the margin, 3 candidates, the dense one skewed upwards and 4 times noisier": hard(
        "five runs each",
        within(0.01, candidates=3, noisy=4.0, dense_shape=lambda rng, size: -SKEWED(rng, size)),
        NO_BOUND,
        1_000,
    ),
    "winner's interval, 6 equals, n = 5, every tenth run of one 10 σ lower": hard(
        "one stage", winner_of(6, 5, DIPS, 3.0), NO_BOUND, 1_000
    ),
    "smallest, at the margin, every third dense run diverges": hard(
        "7 candidates", within(0.01, share=1 / 3), studies=1_000
    ),
    "smallest, margin 0, all equal": hard("7 candidates", within(0.0), studies=1_000),
    "smallest, margin 0, one candidate": hard("equal", within(0.0, candidates=1)),
    "smallest, at the margin, the dense one 6 times noisier": hard(
        "7 candidates", within(0.01, noisy=6.0), studies=1_000
    ),
}
