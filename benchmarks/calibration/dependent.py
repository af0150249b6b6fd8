"""Runs that are not independent: seeds that act alike, seeds added until something is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.claims.best import winner
from analysis.statistics.intervals import rounding_variance
from benchmarks.calibration.design import MIDDLE, SIGMA, Draw
from benchmarks.calibration.hard import HEAVY, NO_BOUND, arm, differs, hard
from trainables.text.count import plural


def growing(blocks: int, looks: Sequence[int]) -> Draw:
    """Seeds are added, to these numbers of them, until a difference is shown."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        values = MIDDLE + SIGMA * rng.normal(size=(blocks, 2, max(looks)))
        return {"false": any(differs(values[:, :, :runs]) for runs in looks)}

    return draw


def growing_best(count: int, looks: Sequence[int]) -> Draw:
    """As ``growing``, of equal networks, until one is best."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        values = MIDDLE + SIGMA * rng.normal(size=(count, max(looks)))
        for runs in looks:
            arms = [arm(str(number), one[:runs]) for number, one in enumerate(values)]
            if winner(sorted(arms, key=lambda arm: -arm.mean)).p < 0.05:
                return {"false": True}
        return {"false": False}

    return draw


def by_seed(blocks: int, runs: int, correlation: float) -> Draw:
    """Runs of equal seed are correlated across the treatments."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        share = math.sqrt(abs(correlation))
        of_seed = rng.normal(size=(blocks, 1, runs)) * [[[1.0], [math.copysign(1.0, correlation)]]]
        own = math.sqrt(1 - abs(correlation)) * rng.normal(size=(blocks, 2, runs))
        return {"false": differs(MIDDLE + SIGMA * (own + share * of_seed))}

    return draw


def alike_everywhere(blocks: int, runs: int, share: float) -> Draw:
    """This share of a run's variance is its seed's and treatment's, the same on all networks."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        of_seed = math.sqrt(share) * rng.normal(size=(1, 2, runs))
        own = math.sqrt(1 - share) * rng.normal(size=(blocks, 2, runs))
        return {"false": differs(MIDDLE + SIGMA * (own + of_seed))}

    return draw


def drifting(runs: int, drift: float, *, in_turn: bool) -> Draw:
    """Accuracy rises by ``drift`` σ meanwhile; the sides run in turn or one after the other."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        values = rng.normal(size=2 * runs) + np.linspace(0, drift, 2 * runs)
        sides = values.reshape(runs, 2).T if in_turn else values.reshape(2, runs)
        return {"false": differs(MIDDLE + SIGMA * sides[None])}

    return draw


def tuned_unequally(many: int, few: int, between: float) -> Draw:
    """The best of many settings against the best of few; is the lower one called best?

    Settings differ by ``between`` σ. Each is chosen on two seeds and judged on five fresh ones.
    """

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        chosen = []
        for count in (many, few):
            truth = between * rng.normal(size=count)
            seen = truth + rng.normal(size=(2, count)).mean(axis=0)
            chosen.append(float(truth[seen.argmax()]))
        arms = [
            arm(str(i), MIDDLE + SIGMA * (one + rng.normal(size=5))) for i, one in enumerate(chosen)
        ]
        best = max(arms, key=lambda arm: arm.mean)
        (other,) = (one for one in arms if one is not best)
        wrong = chosen[int(best.name)] < max(chosen)
        return {"false": wrong and winner([best, other]).p < 0.05}

    return draw


def heavy_best(runs: tuple[int, int]) -> Draw:
    """Two equal networks with heavy-tailed runs; the one with few is three times noisier."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        arms = [
            arm(str(n), MIDDLE + SIGMA * wide * HEAVY(rng, (n,)))
            for n, wide in zip(runs, (3.0, 1.0), strict=True)
        ]
        # the one with less than half of the other's runs cannot win, but has to be beaten
        able = [one for one in arms if one.n >= max(runs) / 2]
        able.sort(key=lambda arm: -arm.mean)
        return {"false": winner(able, [one for one in arms if one.n < max(runs) / 2]).p < 0.05}

    return draw


def near_certain(runs: int, images: int, accuracy: float) -> Draw:
    """Accuracies near 100 %: the errors' shares are gamma distributed, and counted on images."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        errors = (1 - accuracy) * rng.gamma(4.0, size=(4, 2, runs)) / 4
        values = rng.binomial(images, 1 - errors) / images
        return {"false": differs(values, rounding_variance(values))}

    return draw


LOOKS = {"3, 5, 10 and 20": (3, 5, 10, 20), "2 to 20, one by one,": range(2, 21)}
DEPENDENT = {
    **{
        f"contrast, {plural(blocks, 'block')}, seeds added from {words} until it is shown": hard(
            "no effect", growing(blocks, looks), NO_BOUND
        )
        for blocks in (1, 4)
        for words, looks in LOOKS.items()
    },
    "contrast, 1 block, seeds added once, from 5 to 10, if it is not shown": hard(
        "no effect", growing(1, (5, 10)), NO_BOUND
    ),
    "best of 2 equals, seeds added from 2 to 20, one by one, until it is shown": hard(
        "equal means", growing_best(2, range(2, 21)), NO_BOUND
    ),
    "best of 6 equals, seeds added from 2 to 20, one by one, until it is shown": hard(
        "equal means", growing_best(6, range(2, 21)), studies=1_000
    ),
    "contrast, 1 block of 5 runs, runs of a seed go opposite ways (r = −.8)": hard(
        "no effect", by_seed(1, 5, -0.8), NO_BOUND
    ),
    **{
        f"contrast, 8 blocks of 3 runs, {100 * share:.0f} % of the variance the same on all": hard(
            "no effect", alike_everywhere(8, 3, share), NO_BOUND
        )
        for share in (0.1, 0.5)
    },
    "contrast, 1 block of 5 runs, a drift of 2 σ, one side after the other": hard(
        "no effect", drifting(5, 2.0, in_turn=False), NO_BOUND
    ),
    "contrast, 1 block of 5 runs, a drift of 2 σ, in turn": hard(
        "no effect", drifting(5, 2.0, in_turn=True)
    ),
    **{
        f"best of 24 settings against best of 2, which differ by {between:g} σ": hard(
            "the lower one", tuned_unequally(24, 2, between)
        )
        for between in (0.2, 1.0)
    },
    **{
        f"best of 2 equals, heavy noise, {few} runs 3 times noisier against {many}": hard(
            "equal means", heavy_best((few, many))
        )
        for few, many in ((2, 20), (3, 20), (5, 10))
    },
    **{
        f"contrast, 4 blocks of 3 runs near {100 * accuracy:g} % of {images:,} images": hard(
            "no effect", near_certain(3, images, accuracy)
        )
        for accuracy, images in ((0.99, 143), (0.995, 5_000))
    },
}
