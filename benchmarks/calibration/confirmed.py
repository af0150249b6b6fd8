"""Confirmations: whether what a search had promised is said to be kept."""

from __future__ import annotations

import numpy as np

from analysis.claims.promises import kept
from analysis.statistics.multiple_tests import holm
from benchmarks.calibration.design import MIDDLE, SIGMA, Draw
from benchmarks.calibration.hard import NO_BOUND, arm, hard

IMAGES = (5_000, 10_000)
"""Of validation and of test, as CIFAR-10 has them."""


def promised(
    networks: int,
    before: int,
    after: int,
    images: tuple[int, int],
    accuracy: float = MIDDLE,
    *,
    spread: float = 3.0,
    ahead: float = 0.0,
) -> Draw:
    """Networks that do on the test set as on the validation images, but for the choice of both.

    Runs spread by ``spread`` σ; the first network is ``ahead`` by so many σ on the test set.
    "alone": each network is judged by the spread of its own runs alone.
    """

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        pairs = []
        for number in range(networks):
            runs = [
                rng.binomial(count, accuracy) / count + spread * SIGMA * rng.normal(size=n)
                for count, n in zip(images, (before, after), strict=True)
            ]
            runs[1] += ahead * SIGMA * (number == 0)
            found, promise = np.minimum(runs[1], 1.0), np.minimum(runs[0], 1.0)
            pairs.append((arm("test", found), arm("promise", promise)))
        judged = images[1], images[0]
        together = kept(pairs, judged)
        outcome = {"shown" if ahead else "false": min(holm([one.p for one in together])) < 0.05}
        if networks == 1:
            return outcome
        alone = [kept([pair], judged)[0].p for pair in pairs]
        return outcome | {"alone": min(holm(alone)) < 0.05}

    return draw


CONFIRMED = {
    "confirmation, 8 networks keep what was promised": hard(
        "2 runs before, 5 after", promised(8, 2, 5, (143, 364)), studies=1_000
    ),
    "confirmation, 8 networks of 98 % keep what was promised": hard(
        "2 runs before, 5 after", promised(8, 2, 5, (143, 364), 0.98), studies=1_000
    ),
    "confirmation, the best keeps what was promised": hard(
        "5 runs before, 5 after", promised(1, 5, 5, (5_000, 10_000))
    ),
    "confirmation, 8 networks keep what was promised, 10 σ between runs": hard(
        "2 runs before, 5 after", promised(8, 2, 5, IMAGES, spread=10.0), studies=1_000
    ),
    "confirmation, 8 networks of 2 runs keep what was promised, 10 σ between runs": hard(
        "2 runs before, 2 after", promised(8, 2, 2, IMAGES, spread=10.0), studies=1_000
    ),
    "confirmation, one network of 2 runs keeps what was promised, 10 σ between runs": hard(
        "2 runs before, 5 after", promised(1, 2, 5, IMAGES, spread=10.0)
    ),
    "confirmation, one of 8 networks 5 points above its promise, 10 σ between runs": hard(
        "2 runs before, 5 after",
        promised(8, 2, 5, IMAGES, spread=10.0, ahead=33.3),
        NO_BOUND,
        1_000,
    ),
}
