"""An arm of a comparison: the runs of what it chose, as a claim takes them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.statistics.contrasts import effect_of_pairs
from analysis.statistics.intervals import rounding_variance
from analysis.statistics.moderation import moderate
from analysis.statistics.winners import Lead, welch
from trainables.config.train_config import BY_SEED

FEW = 0.25
"""The share of the configurations up to which thin ones are few."""


@dataclass(frozen=True)
class Arm:
    """One configuration: ``outcomes`` of its runs, with those that collapsed at chance.

    ``trained`` are those that learned something: a rival is compared by these, which can only
    favour it. ``planned`` counts the runs that there would be, ``candidates`` the settings that the
    configuration was chosen from. ``seeds`` of the outcomes are known where each one held out other
    images: such runs pair.
    """

    name: str
    parameters: int
    outcomes: np.ndarray
    trained: np.ndarray
    planned: int
    candidates: int = 1
    seeds: tuple[int, ...] = ()
    trained_seeds: tuple[int, ...] = ()

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

    def raised(self, by: float) -> Arm:
        """The same runs, each by so much more accurate."""
        return dataclasses.replace(self, outcomes=self.outcomes + by, trained=self.trained + by)


def make_arm(name: str, runs: pd.DataFrame, planned: int, candidates: int = 1) -> Arm:
    """From rows of ``outcomes``, all of one configuration."""
    values = runs["value"].to_numpy(dtype=float)
    trained = values[~runs["collapsed"].to_numpy(dtype=bool)]
    parameters = int(runs["parameters"].iloc[0]) if len(runs) else 0
    seeds = runs["seed"] if split_by_seed(runs) else runs["seed"].iloc[:0]
    learned = seeds[~runs["collapsed"].loc[seeds.index].astype(bool)]
    return Arm(
        name, parameters, values, trained, planned, candidates,
        tuple(map(int, seeds)), tuple(map(int, learned)),
    )  # fmt: skip


def split_by_seed(runs: pd.DataFrame) -> bool:
    """Whether each of the runs held out the images that its seed drew."""
    return len(runs) > 0 and "data_seed" in runs and bool((runs["data_seed"] == BY_SEED).all())


def best_arm(arms: Iterable[Arm]) -> Arm:
    """The highest mean, of equal ones the smaller network."""
    return min(arms, key=lambda arm: (-round(arm.mean, 12), arm.parameters))


def leads(best: Arm, rivals: list[Arm]) -> list[Lead]:
    """The best against each rival, by each one's own spread.

    A few rivals of one or two runs, among others that have more, have at least the spread that all
    have in common, and its degrees of freedom: a thin one is no veto. Where three spreads are not
    known, a rival of one run cannot be compared, and its numbers are NaN.
    """
    runs = [best.outcomes, *(rival.as_rival for rival in rivals)]
    variances, n = spreads(runs)
    common = moderate(variances, n)
    few = (n <= 2).sum() <= len(n) * FEW
    found = []
    for number, values in enumerate(runs[1:], start=1):
        paired = _paired_lead(best, rivals[number - 1])
        if paired is not None:
            found.append(paired)
            continue
        variance, df = variances[number], n[number] - 1.0
        if common.df[number] > df and (n[number] == 1 or (n[number] == 2 and few)):
            variance, df = np.fmax(variance, common.variance[number]), common.df[number]
        found.append(
            welch(
                (best.mean, float(values.mean()) if len(values) else float("nan")),
                (float(variances[0]), float(variance)),
                (best.n, len(values)),
                (best.n - 1.0, float(df)),
            )
        )
    return found


def _paired_lead(best: Arm, rival: Arm) -> Lead | None:
    """The lead over runs of equal seed, judged by the same images; None for fewer than two."""
    seeds = rival.trained_seeds if len(rival.trained) else rival.seeds
    theirs = dict(zip(seeds, rival.as_rival.tolist(), strict=False))
    ours = dict(zip(best.seeds, best.outcomes.tolist(), strict=False))
    both = [seed for seed in ours if seed in theirs]
    if len(both) < 2:
        return None
    found = effect_of_pairs(np.array([[ours[seed] - theirs[seed] for seed in both]]))
    return Lead(found.effect, found.low, found.high, found.p, found.df)


def spreads(runs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Each one's variance, NaN for one run, and its number of runs.

    Runs that came out alike are not taken to have no spread, where accuracies move in steps.
    """
    least = rounding_variance(np.concatenate(runs))
    variances = [max(v.var(ddof=1), least) if len(v) > 1 else math.nan for v in runs]
    return np.array(variances, dtype=float), np.array([len(v) for v in runs])
