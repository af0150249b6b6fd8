"""The best of several, and the interval of what came out highest."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from analysis.claims.answers import best_claim
from analysis.study.replicates import replicates
from analysis.study.study import Study
from benchmarks.calibration.design import (
    AT_LEAST,
    CHEAP,
    CHOOSING,
    COVERS,
    ESTIMATING,
    FALSE,
    MIDDLE,
    SHOWN,
    SIGMA,
    Design,
    Draw,
    noisy,
)
from benchmarks.calibration.simulated import Plan, choice, plan, space, two_stages


@functools.cache
def _best_plan(count: int, seeds: int) -> Plan:
    keys = {"rank": choice(*range(2, 64))}
    configs = [
        {"layer": "low_rank", "rank": 2 + number, "seed": seed}
        for number in range(count)
        for seed in range(seeds)
    ]
    return plan(space(keys), configs)


def equals(count: int, seeds: int, *, noisiest: float = 1.0, ahead: float = 0.0) -> Draw:
    """Configurations without a difference; the first ``noisiest`` times noisier, ``ahead`` σ ahead.

    A claim that any is best is false, but of the first where it is ahead.
    """

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        ours = _best_plan(count, seeds)
        number = np.arange(len(ours.configs)) // seeds
        sigma = np.where(number == 0, noisiest * SIGMA, SIGMA)
        mean = MIDDLE + ahead * SIGMA * (number == 0)
        claim = best_claim(ours.study(noisy(ours, mean, sigma, rng)))
        right = ahead > 0 and "rank 2 " in claim.words.split(":")[0]
        return {"false": claim.verdict == "shown" and not right}

    return draw


def ahead(count: int, seeds: int, lead: float) -> Draw:
    """One configuration ``lead`` σ ahead of all others."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        ours = _best_plan(count, seeds)
        number = np.arange(len(ours.configs)) // seeds
        accuracy = noisy(ours, MIDDLE + lead * SIGMA * (number == 1), SIGMA, rng)
        return {"shown": best_claim(ours.study(accuracy)).verdict == "shown"}

    return draw


def collapsed_elsewhere(rng: np.random.Generator) -> dict[str, bool]:
    """A run of a bad configuration ends at chance; another configuration leads by 10 σ."""
    ours = _best_plan(8, 3)
    number = np.arange(len(ours.configs)) // 3
    accuracy = noisy(ours, MIDDLE + 10 * SIGMA * (number == 1), SIGMA, rng)
    accuracy[-1] = 0.1
    return {"shown": best_claim(ours.study(accuracy)).verdict == "shown"}


def mostly_diverged(rng: np.random.Generator) -> dict[str, bool]:
    """The highest configuration: three of its five runs diverged."""
    ours = _best_plan(6, 5)
    number = np.arange(len(ours.configs)) // 5
    accuracy = noisy(ours, MIDDLE + 10 * SIGMA * (number == 1), SIGMA, rng)
    status = ["finished"] * len(ours.configs)
    status[5:8] = ["diverged"] * 3
    claim = best_claim(ours.study(accuracy, status))
    return {"false": claim.verdict == "shown" and "rank 3 " in claim.words.split(":")[0]}


def winners_interval(count: int, seeds: int, lead: float = 0.0, noisiest: float = 1.0) -> Draw:
    """Whether the interval in the sentence covers the true mean of what came out highest.

    The first is ``noisiest`` times noisier, the second leads.
    """

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        ours = _best_plan(count, seeds)
        number = np.arange(len(ours.configs)) // seeds
        truth = MIDDLE + lead * SIGMA * (np.arange(count) == 1)
        sigma = np.where(number == 0, noisiest * SIGMA, SIGMA)
        study = ours.study(noisy(ours, truth[number], sigma, rng))
        at, low, high = _sentence_interval(study)
        return {"covers": low <= truth[at] <= high}

    return draw


def _sentence_interval(study: Study) -> tuple[int, float, float]:
    """The best configuration's number, and its interval as the sentence has it."""
    try:
        from analysis.claims.best import study_arms, winner
    except ImportError:
        frame = replicates(study).sort_values("mean", ascending=False, kind="stable")
        half = float(best_claim(study).words.split("± ")[1].split()[0]) / 100
        best = frame.iloc[0]
        return int(best["rank"]) - 2, best["mean"] - half, best["mean"] + half
    best = winner(study_arms(study))
    return int(best.arm.name.rpartition(" ")[2]) - 2, *best.interval


def fresh_interval(rng: np.random.Generator) -> dict[str, bool]:
    """The chosen one of 60 equals on five fresh seeds."""
    ours = _staged_best_plan()
    study = two_stages(ours, ours.study(noisy(ours, MIDDLE, SIGMA, rng)), [None])
    _, low, high = _sentence_interval(study)
    return {"covers": low <= MIDDLE <= high}


@functools.cache
def _staged_best_plan() -> Plan:
    keys = {"rank": choice(*range(2, 64))}
    configs = [
        {"layer": "low_rank", "rank": 2 + number, "seed": seed}
        for number in range(60)
        for seed in (*CHOOSING, *ESTIMATING)
    ]
    return plan(space(keys), configs)


def _winner(values: np.ndarray) -> Any:
    """The winner of (configurations, runs) accuracies; its name is the configuration's number."""
    from analysis.claims.arm import Arm
    from analysis.claims.best import winner

    order = np.argsort(-values.mean(axis=1), kind="stable")
    return winner([Arm(str(i), 1, values[i], values[i], values.shape[1]) for i in order])


def numbers_equals(count: int, seeds: int, *, noisiest: float = 1.0, ahead: float = 0.0) -> Draw:
    """As ``equals``, from the arms' numbers."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        values = MIDDLE + SIGMA * rng.normal(size=(count, seeds))
        values[0] = MIDDLE + SIGMA * (ahead + noisiest * rng.normal(size=seeds))
        best = _winner(values)
        return {"false": best.p < 0.05 and not (ahead > 0 and best.arm.name == "0")}

    return draw


def numbers_ahead(count: int, seeds: int, lead: float) -> Draw:
    """As ``ahead``, from the arms' numbers."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        values = MIDDLE + SIGMA * rng.normal(size=(count, seeds))
        values[1] += lead * SIGMA
        return {"shown": _winner(values).p < 0.05}

    return draw


def numbers_winner(count: int, seeds: int, lead: float = 0.0, noisiest: float = 1.0) -> Draw:
    """As ``winners_interval``, from the arms' numbers."""
    sigma = np.where(np.arange(count) == 0, noisiest * SIGMA, SIGMA)

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        truth = MIDDLE + lead * SIGMA * (np.arange(count) == 1)
        best = _winner(truth[:, None] + sigma[:, None] * rng.normal(size=(count, seeds)))
        return {"covers": best.interval.low <= truth[int(best.arm.name)] <= best.interval.high}

    return draw


def numbers_failures(collapsed: int, *, chosen: int) -> Draw:
    """Eight configurations of five runs, the second 10 σ ahead; so many of one's runs collapsed.

    "shown" and "false" say whether the second is called best.
    """

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        from analysis.claims.arm import Arm
        from analysis.claims.best import winner

        arms = []
        for number in range(8):
            runs = MIDDLE + SIGMA * (10 * (number == 1) + rng.normal(size=5))
            lost = collapsed if number == chosen else 0
            outcomes = np.concatenate([np.full(lost, 0.1), runs[lost:]])
            arms.append(Arm(str(number), 1, outcomes, runs[lost:], 5))
        best = winner(sorted(arms, key=lambda arm: -arm.mean))
        named = best.p < 0.05 and best.arm.name == "1"
        return {"false" if chosen == 1 else "shown": named or (chosen == 1 and best.p < 0.05)}

    return draw


def numbers_fresh(rng: np.random.Generator) -> dict[str, bool]:
    """As ``fresh_interval``, from the arms' numbers."""
    from analysis.claims.arm import Arm
    from analysis.claims.best import interval_of_best

    values = MIDDLE + SIGMA * rng.normal(size=(60, len(CHOOSING) + len(ESTIMATING)))
    chosen = int(values[:, : len(CHOOSING)].mean(axis=1).argmax())
    fresh = values[chosen, len(CHOOSING) :]
    low, high = interval_of_best([Arm("chosen", 1, fresh, fresh, len(fresh))])
    return {"covers": low <= MIDDLE <= high}


def _equals_design(count: int, seeds: int, **more: Any) -> Design:
    fast = numbers_equals(count, seeds, **more)
    return Design("nothing is best", equals(count, seeds, **more), FALSE, fast=fast)


BEST = {
    "best of 2 equals, n = 3": _equals_design(2, 3),
    "best of 2, n = 2, one 6 times noisier": _equals_design(2, 2, noisiest=6),
    "best of 6 equals, n = 3": _equals_design(6, 3),
    "best of 60 equals, n = 3": _equals_design(60, 3),
    "best of 12, the truly best 6 times noisier": _equals_design(12, 3, noisiest=6, ahead=0.5),
    "6.7 σ ahead of 17 rivals, n = 3": Design(
        "true lead", ahead(18, 3, 6.7), SHOWN, fast=numbers_ahead(18, 3, 6.7)
    ),
    "a collapsed run in a bad configuration": Design(
        "true lead 10 σ, 8 configurations",
        collapsed_elsewhere,
        SHOWN,
        fast=numbers_failures(1, chosen=7),
    ),
    "three of five seeds diverged": Design(
        "the highest configuration's", mostly_diverged, FALSE, fast=numbers_failures(3, chosen=1)
    ),
    "winner's interval, 60 equals, n = 3": Design(
        "one stage",
        winners_interval(60, 3),
        {"covers": (0.94, 0.97)},
        CHEAP,
        fast=numbers_winner(60, 3),
    ),
    "winner's interval, 6 equals, n = 5": Design(
        "one stage", winners_interval(6, 5), COVERS, fast=numbers_winner(6, 5)
    ),
    "winner's interval, one 3 σ ahead of 11, n = 3": Design(
        "one stage", winners_interval(12, 3, 3.0), AT_LEAST, fast=numbers_winner(12, 3, 3.0)
    ),
    **{
        f"winner's interval, 60 equals, one {noisiest:g} times noisier, n = {seeds}": Design(
            "one stage",
            winners_interval(60, seeds, noisiest=noisiest),
            COVERS,
            fast=numbers_winner(60, seeds, noisiest=noisiest),
        )
        for seeds, noisiest in ((2, 6.0), (3, 3.0), (5, 6.0))
    },
    "winner's interval, 60 equals, five fresh seeds": Design(
        "two stages",
        fresh_interval,
        {"covers": (0.93, 0.97)},
        second_stage=True,
        fast=numbers_fresh,
    ),
}
