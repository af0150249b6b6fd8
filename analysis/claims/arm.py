"""An arm of a comparison: the runs of one configuration, as claims use them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.statistics.contrasts import effect_of_pairs
from analysis.statistics.intervals import rounding_variance
from analysis.statistics.moderation import moderate
from analysis.statistics.winners import Lead, welch
from trainables.config.train_config import BY_SEED

FEW = 0.25
"""Thin configurations (one or two runs) are few up to this share of all of them."""
AGREE = 1 / 3
"""Runs of arms of one kind spread about alike. No arm's variance is taken to be below this share of
that of all arms of its kind: runs that agree more closely do so by chance, and of skewed runs such
are also too high."""


@dataclass(frozen=True)
class Arm:
    """The runs of one configuration.

    Attributes:
        name: the configuration in words.
        parameters: of its network.
        outcomes: one value a run, a fraction; a run that collapsed counts at chance.
        trained: the outcomes of the runs that did not collapse. A rival is compared by these, which
            can only favour it.
        planned: runs in the plan, those that have not ended included.
        candidates: how many settings the configuration was chosen from.
        seeds: of ``outcomes``, where each seed held out its own images; runs of equal seed are then
            compared in pairs. Empty otherwise.
        trained_seeds: of ``trained``, likewise.
        least: the variance that its runs have at least.
    """

    name: str
    parameters: int
    outcomes: np.ndarray
    trained: np.ndarray
    planned: int
    candidates: int = 1
    seeds: tuple[int, ...] = ()
    trained_seeds: tuple[int, ...] = ()
    least: float = 0.0

    @property
    def n(self) -> int:
        """Runs with an outcome."""
        return len(self.outcomes)

    @property
    def mean(self) -> float:
        """Mean of all outcomes, a fraction; NaN without runs."""
        return float(self.outcomes.mean()) if self.n else float("nan")

    @property
    def collapsed(self) -> int:
        """Runs that diverged or learned nothing."""
        return self.n - len(self.trained)

    @property
    def no_spread(self) -> str:
        """Why its runs, which count alike, say nothing about chance, where it is the best."""
        if self.collapsed == self.n:
            return "Nothing can be said, since all runs of the best diverged or learned nothing"
        return "Chance cannot be judged, since the runs of each network ended exactly alike"

    @property
    def as_rival(self) -> np.ndarray:
        """The outcomes that others are compared with."""
        return self.trained if len(self.trained) else self.outcomes

    def raised(self, by: float) -> Arm:
        """The same runs with ``by``, a fraction, added to each outcome."""
        return dataclasses.replace(self, outcomes=self.outcomes + by, trained=self.trained + by)


def make_arm(name: str, runs: pd.DataFrame, planned: int, candidates: int = 1) -> Arm:
    """The arm of one configuration; ``runs`` are its rows of ``outcomes``."""
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
    """Whether each run held out images that were drawn by its own seed."""
    return len(runs) > 0 and "data_seed" in runs and bool((runs["data_seed"] == BY_SEED).all())


def with_spread_of_kind(arms: Sequence[Arm], kinds: Sequence[Hashable]) -> list[Arm]:
    """The arms, of a kind each, with ``least`` set by ``AGREE``."""
    members: dict[Hashable, list[np.ndarray]] = {}
    for arm, kind in zip(arms, kinds, strict=True):
        members.setdefault(kind, []).append(arm.trained)
    least = {kind: AGREE * _common_variance(runs) for kind, runs in members.items()}
    return [
        dataclasses.replace(arm, least=least[kind]) for arm, kind in zip(arms, kinds, strict=True)
    ]


def _common_variance(runs: list[np.ndarray]) -> float:
    variances, n = spreads(runs)
    free = np.maximum(n - 1, 0)
    return float((free * np.nan_to_num(variances)).sum()) / max(int(free.sum()), 1)


def best_arm(arms: Iterable[Arm]) -> Arm:
    """The arm with the highest mean; of equal means, the one with the smaller network."""
    return min(arms, key=lambda arm: (-round(arm.mean, 12), arm.parameters))


def leads(best: Arm, rivals: list[Arm]) -> list[Lead]:
    """The lead of the best arm over each rival, from the variances of the two.

    A rival of one run takes the variance common to all arms, and its degrees of freedom. So does a
    rival of two runs while such thin rivals are few: its own variance could block a claim by
    chance. The common variance takes three known ones; without them a rival of one run cannot be
    compared, and its numbers are NaN.
    """
    runs = [best.outcomes, *(rival.as_rival for rival in rivals)]
    variances, n = spreads(runs)
    variances = np.maximum(variances, [arm.least for arm in (best, *rivals)])
    common = moderate(variances, n)
    few = (n <= 2).sum() <= len(n) * FEW
    computed: list[Lead] = []
    for number, values in enumerate(runs[1:], start=1):
        paired = _paired_lead(best, rivals[number - 1])
        if paired is not None:
            computed.append(paired)
            continue
        variance, df = variances[number], n[number] - 1.0
        if common.df[number] > df and (n[number] == 1 or (n[number] == 2 and few)):
            variance, df = np.fmax(variance, common.variance[number]), common.df[number]
        computed.append(
            welch(
                (best.mean, float(values.mean()) if len(values) else float("nan")),
                (float(variances[0]), float(variance)),
                (best.n, len(values)),
                (best.n - 1.0, float(df)),
            )
        )
    return computed


def _paired_lead(best: Arm, rival: Arm) -> Lead | None:
    """The lead over pairs of equal seed, which share held-out images; None for under two pairs."""
    seeds = rival.trained_seeds if len(rival.trained) else rival.seeds
    rival_outcomes = dict(zip(seeds, rival.as_rival.tolist(), strict=False))
    best_outcomes = dict(zip(best.seeds, best.outcomes.tolist(), strict=False))
    shared = [seed for seed in best_outcomes if seed in rival_outcomes]
    if len(shared) < 2:
        return None
    differences = [best_outcomes[seed] - rival_outcomes[seed] for seed in shared]
    effect = effect_of_pairs(np.array([differences]))
    sd = effect.se * math.sqrt(len(shared))
    return Lead(effect.effect, effect.low, effect.high, effect.p, effect.df, sd=sd, paired=True)


def paired_differences(baseline: Arm, treatment: Arm) -> dict[int, float]:
    """Treatment minus baseline by seed, where each seed held out images of its own."""
    before = dict(zip(baseline.seeds, baseline.outcomes.tolist(), strict=False))
    after = dict(zip(treatment.seeds, treatment.outcomes.tolist(), strict=False))
    return {seed: after[seed] - before[seed] for seed in after if seed in before}


def spreads(runs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The variance of each arm's runs (NaN for a single run) and its number of runs.

    A variance is at least that of rounding: accuracies move in steps, so that equal outcomes do not
    mean that runs never differ.
    """
    least = rounding_variance(np.concatenate(runs))
    variances = [max(v.var(ddof=1), least) if len(v) > 1 else math.nan for v in runs]
    return np.array(variances, dtype=float), np.array([len(v) for v in runs])
