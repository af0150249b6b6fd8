"""The exponent by which the best weight decay follows the compression."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from analysis.claims.answers import answer
from analysis.study.study import Study
from benchmarks.calibration.contrasts import SCALING
from benchmarks.calibration.design import (
    CHOOSING,
    COVERS,
    ESTIMATING,
    MIDDLE,
    Design,
    Draw,
    has_stages,
    noisy,
)
from benchmarks.calibration.simulated import Plan, as_study, choice, plan, space

DECAYS = (5e-5, 1.6e-4, 5e-4, 1.6e-3, 5e-3)
RESPONSES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "a parabola": lambda z: -0.01 * z**2,
    "skewed": lambda z: -np.where(z < 0, 0.004, 0.02) * z**2,
    "steep": lambda z: -0.05 * np.clip(z, 0, None) ** 1.5 - 0.002 * z**2,
}


@functools.cache
def decay_plan(staged: bool, questions: tuple[str, ...]) -> Plan:
    asked = {
        "trend": {"kind": "trend", "key": "weight_decay", "against": "compression"},
        "carry": {"kind": "carry", "key": "weight_decay", "treatment": "weight_decay_scaling"},
        "contrast": SCALING,
    }
    role = "carried" if staged else "nuisance"
    keys = {
        "rank_scale": choice(0.0625, 0.125, 0.25, 0.5),
        "weight_decay_scaling": choice(0.0, 0.5, 1.0),
        "weight_decay": choice(*DECAYS, role=role),
    }
    configs = [
        {"layer": "low_rank", "rank_scale": scale, "weight_decay_scaling": a, "weight_decay": decay,
         "seed": seed}
        for scale in (0.0625, 0.125, 0.25, 0.5) for a in (0.0, 0.5, 1.0) for decay in DECAYS
        for seed in ((*CHOOSING, *ESTIMATING) if staged else CHOOSING)
    ]  # fmt: skip
    return plan(space(keys, [asked[name] for name in questions]), configs)


def decay_mean(ours: Plan, alpha: float, shift: float, response: str) -> np.ndarray:
    """Accuracies whose best decay in force is 10^shift · compression^alpha."""
    trials = ours.trials
    share = np.log10(trials["compression"].to_numpy(dtype=float))
    decay = np.log10(trials["weight_decay"].to_numpy(dtype=float))
    decay = decay + trials["weight_decay_scaling"].to_numpy(dtype=float) * share
    middle = shift + alpha * share
    return MIDDLE + 0.02 * share + RESPONSES[response](decay - middle)


def trend(alpha: float, shift: float, response: str) -> Draw:
    """Whether α̂'s interval covers, a claim is false, and scalings of one truth contradict."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        if not has_stages():
            ours = decay_plan(False, ("contrast",))
            mean = decay_mean(ours, alpha, shift, response)
            claim = answer(ours.study(noisy(ours, mean, 0.003, rng)))
            return {"false": claim.verdict == "shown" and claim.effect < 0}
        from analysis.claims.trending import fit_trend, trend_claims
        from search_spaces.grammar.question import Trend

        ours = decay_plan(True, ("trend", "carry", "contrast"))
        study = ours.study(noisy(ours, decay_mean(ours, alpha, shift, response), 0.003, rng))
        choosing = as_choosing(ours, study)
        question = Trend("weight_decay", "compression")
        fitted = fit_trend(choosing, question)
        covers = fitted.exponent.low <= alpha <= fitted.exponent.high
        claim = trend_claims(choosing, question)[0]
        wrong = claim.verdict == "shown" and not covers
        return {"covers": covers, "false": wrong, "contradicts": bool(fitted.disagreeing)}

    return draw


def as_choosing(ours: Plan, study: Study) -> Study:
    """The first stage alone."""
    trials = study.trials
    return as_study(ours.space, trials[trials["seed"] < 1000].reset_index(drop=True))


def numbers_trend(alpha: float, shift: float, response: str) -> Draw:
    """As ``trend``, from the cells' means."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        from analysis.statistics.trend import exponent

        share, scaling, decay = _decay_cells()
        level = decay + scaling * share
        mean = RESPONSES[response](level - shift - alpha * share) + 0.02 * share
        mean = mean + 0.003 / np.sqrt(3) * rng.normal(size=len(mean))
        block = np.unique(np.stack([share, scaling]), axis=1, return_inverse=True)[1]
        runs = np.full(len(mean), 3.0)
        logs = math.log(10)
        found = exponent(mean, runs, logs * level, logs * share, block)
        bounded = math.isfinite(found.low) and math.isfinite(found.high)
        return {"covers": found.low <= alpha <= found.high, "said": bounded}

    return draw


@functools.cache
def _decay_cells() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compression, scaling and decay (logarithms to 10 of the first and the last) of each cell."""
    trials = decay_plan(False, ()).trials.drop_duplicates(
        ["rank_scale", "weight_decay_scaling", "weight_decay"]
    )
    names = ("compression", "weight_decay_scaling", "weight_decay")
    share, scaling, decay = (trials[name].to_numpy(dtype=float) for name in names)
    return np.log10(share), scaling, np.log10(decay)


GRID = (5e-5, 1.6e-4, 5e-4, 1.6e-3, 5e-3, 1.6e-2, 5e-2, 0.16)
SHARES = (0.017, 0.032, 0.058, 0.108)
BREAKS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "a cliff at a fixed decay": lambda level, z: 0.4 * (level > -2.0),
    "a cliff that moves along": lambda level, z: 0.4 * (z > 1.0),
    "a steep slope from a fixed decay on": lambda level, z: 0.3 * np.clip(level + 2.3, 0, None),
}
"""What accuracy loses, by the logarithm of the decay in force and its distance from the best."""


def numbers_break(where: str) -> Draw:
    """The grid of ``weight_decay`` on 2 seeds, truth 1; training breaks at large decays."""
    share, scaling, decay = (
        one.ravel() for one in np.meshgrid(np.log10(SHARES), [0, 0.5, 1], np.log10(GRID))
    )
    block = np.unique(np.stack([share, scaling]), axis=1, return_inverse=True)[1].ravel()
    level = decay + scaling * share
    z = level + 1.9 - share
    mean = np.maximum(RESPONSES["a parabola"](z) + 0.9 - BREAKS[where](level, z), 0.12)

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        from analysis.statistics.trend import before_the_cliff, exponent

        sigma = np.where(mean < 0.8, 0.03, 0.003)
        values = mean + sigma / np.sqrt(2) * rng.normal(size=len(mean))
        near = before_the_cliff(values, block)
        logs, runs = math.log(10), np.full(int(near.sum()), 2.0)
        found = exponent(values[near], runs, logs * level[near], logs * share[near], block[near])
        return {"covers": found.low <= 1 <= found.high}

    return draw


TRENDS = {
    f"α̂, truth {alpha:g}, {response}{where}": Design(
        "coverage of its interval",
        trend(alpha, shift + 1.4 * alpha, response),
        COVERS,
        second_stage=True,
        fast=numbers_trend(alpha, shift + 1.4 * alpha, response),
    )
    for response in RESPONSES
    for alpha in (0.0, 0.5, 1.0)
    for where, shift in (("", -3.3), (", optimum above the grid", -1.8))
} | {
    f"α̂, truth 1, {where}": Design(
        "coverage of its interval",
        numbers_break(where),
        {} if "slope" in where else COVERS,
        200,
        second_stage=True,
        fast=numbers_break(where),
    )
    for where in BREAKS
}
