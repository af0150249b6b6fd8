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
    """Whether α̂'s interval covers, and whether a carried or tuned claim contradicts the truth."""

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
        found = fit_trend(choosing, question).exponent
        claim = trend_claims(choosing, question)[0]
        wrong = claim.verdict == "shown" and not found.low <= alpha <= found.high
        return {"covers": found.low <= alpha <= found.high, "false": wrong}

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
}
