"""An arm of a comparison: the runs of what it chose, as a claim takes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.statistics.moderation import Moderated, moderate
from analysis.statistics.winners import Lead, welch


@dataclass(frozen=True)
class Arm:
    """One configuration: ``outcomes`` of its runs, with those that collapsed at chance.

    ``trained`` are those that learned something: a rival is compared by these, which can only
    favour it. ``planned`` counts the runs that there would be, ``candidates`` the settings that the
    configuration was chosen from.
    """

    name: str
    parameters: int
    outcomes: np.ndarray
    trained: np.ndarray
    planned: int
    candidates: int = 1

    @property
    def n(self) -> int:
        """Runs that came to something."""
        return len(self.outcomes)

    @property
    def mean(self) -> float:
        """Over all outcomes, a fraction; NaN without runs."""
        return float(self.outcomes.mean()) if self.n else float("nan")

    @property
    def collapsed(self) -> int:
        """Runs that diverged or learned nothing."""
        return self.n - len(self.trained)

    @property
    def as_rival(self) -> np.ndarray:
        """The runs by which others are measured against it."""
        return self.trained if len(self.trained) else self.outcomes


def make_arm(name: str, runs: pd.DataFrame, planned: int, candidates: int = 1) -> Arm:
    """From rows of ``outcomes``, all of one configuration."""
    values = runs["value"].to_numpy(dtype=float)
    trained = values[~runs["collapsed"].to_numpy(dtype=bool)]
    parameters = int(runs["parameters"].iloc[0]) if len(runs) else 0
    return Arm(name, parameters, values, trained, planned, candidates)


def best_arm(arms: Iterable[Arm]) -> Arm:
    """The highest mean, of equal ones the smaller network."""
    return min(arms, key=lambda arm: (-round(arm.mean, 12), arm.parameters))


def leads(best: Arm, rivals: list[Arm]) -> list[Lead]:
    """The best against each rival; a rival of two runs has its variance moderated, never lowered.

    A rival of one run cannot be compared, and its numbers are NaN.
    """
    spread = _moderated([best, *rivals])
    found = []
    for number, rival in enumerate(rivals, start=1):
        runs = rival.as_rival
        variance, df = _variance(runs), len(runs) - 1.0
        if len(rivals) > 1 and len(runs) == 2 and spread.df[number] > df:
            variance, df = max(variance, float(spread.variance[number])), float(spread.df[number])
        found.append(
            welch(
                (best.mean, float(runs.mean()) if len(runs) else float("nan")),
                (_variance(best.outcomes), variance),
                (best.n, len(runs)),
                (best.n - 1.0, df),
                alone=len(rivals) == 1,
            )
        )
    return found


def _moderated(arms: list[Arm]) -> Moderated:
    runs = [arms[0].outcomes, *(arm.as_rival for arm in arms[1:])]
    return moderate(
        np.array([_variance(one) for one in runs]), np.array([len(one) for one in runs])
    )


def _variance(values: np.ndarray) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else float("nan")
