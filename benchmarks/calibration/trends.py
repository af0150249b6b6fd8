"""The exponent by which the best weight decay follows the compression."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.claims.answers import answer
from analysis.study.study import Study
from benchmarks.calibration.contrasts import SCALING
from benchmarks.calibration.design import (
    CHOOSING,
    COVERS,
    ESTIMATING,
    FALSE,
    MIDDLE,
    Design,
    Draw,
    has_stages,
    noisy,
)
from benchmarks.calibration.simulated import NOISES, Plan, as_study, choice, plan, space

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
    """As ``trend``, from the cells' means and variances."""
    share, scaling, decay = _decay_cells()
    level = decay + scaling * share
    truth = RESPONSES[response](level - shift - alpha * share) + 0.02 * share

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        values = truth[:, None] + 0.003 * rng.normal(size=(len(truth), 3))
        return _followed(values, alpha, level, share, scaling)

    return draw


def _followed(
    values: np.ndarray, alpha: float, level: np.ndarray, share: np.ndarray, scaling: np.ndarray
) -> dict[str, bool]:
    """Of (settings, runs) accuracies; the last three are what each setting is, in decades.

    "said": α̂ has an interval and is not refused. "covers": it holds the truth, or is refused;
    "false": it is said and does not.
    """
    from analysis.statistics.trend import Cells, exponents

    block = np.unique(np.stack([share, scaling]), axis=1, return_inverse=True)[1].ravel()
    mean, variance = values.mean(axis=1), values.var(axis=1, ddof=1)
    runs, logs = np.full(len(mean), float(values.shape[1])), math.log(10)
    near, wide = exponents(Cells(mean, variance, runs, logs * level, logs * share, block))
    bounded = math.isfinite(near.low) and math.isfinite(near.high) and near.shared
    said = bounded and near.low <= wide.high and wide.low <= near.high
    covers = near.low <= alpha <= near.high
    return {"covers": covers, "false": said and not covers, "said": said}


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
ALL, ONE = (0.0, 0.5, 1.0), (0.0,)
"""The scalings that were run."""


@dataclass(frozen=True)
class Broken:
    """The grid of ``weight_decay`` on 2 seeds, truth 1, where something else goes on as well.

    ``loses`` and ``noise`` (in spreads of a run) take the logarithm of the decay in force, its
    distance from the best, and that of the compression. So large a share of the settings is
    ``lost``.
    """

    loses: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    noise: Callable[[np.ndarray, np.ndarray, np.ndarray], Any] = lambda level, z, share: 1.0
    scalings: tuple[float, ...] = ALL
    decays: tuple[float, ...] = GRID
    lost: float = 0.0
    shape: str = "normal"


def _nothing(level: np.ndarray, z: np.ndarray, share: np.ndarray) -> np.ndarray:
    return np.zeros_like(z)


SLOPE = {
    f"a slope of {points} points a decade from a fixed decay on": (
        lambda level, z, share, points=points: points / 100 * np.clip(level + 2.3, 0, None)
    )
    for points in (30, 10, 5)
}
BEND = {
    f"a bend of {points:g} points a decade² from a fixed decay on": (
        lambda level, z, share, points=points: points / 100 * np.clip(level + 2.8, 0, None) ** 2
    )
    for points in (0.3, 1)
}
"""The best decay of every network lies below its begin, and follows the compression with 1."""
BREAKS = {
    "a cliff at a fixed decay": Broken(lambda level, z, share: 0.4 * (level > -2.0)),
    "a cliff that moves along": Broken(lambda level, z, share: 0.4 * (z > 1.0)),
    **{name: Broken(loses) for name, loses in SLOPE.items()},
    **{f"{name}, one scaling": Broken(loses, scalings=ONE) for name, loses in SLOPE.items()},
    **{name: Broken(loses) for name, loses in BEND.items()},
    **{f"{name}, one scaling": Broken(loses, scalings=ONE) for name, loses in BEND.items()},
    "small networks bend more, one scaling": Broken(
        lambda level, z, share: 0.015 * z**2 * (share < -1.3), scalings=ONE
    ),
    "a network without an optimum": Broken(
        lambda level, z, share: (-0.01 * z**2 - 0.01 * level) * (share < -1.7)
    ),
    "the smallest network 5 times noisier": Broken(
        _nothing, lambda level, z, share: np.where(share < -1.7, 5.0, 1.0), scalings=ONE
    ),
    "runs spread further at large decays": Broken(
        _nothing, lambda level, z, share: np.exp(np.clip(level + 3, 0, None)), scalings=ONE
    ),
    "skewed noise": Broken(_nothing, shape="skewed"),
    "heavy noise": Broken(_nothing, shape="heavy"),
    "three decays": Broken(_nothing, decays=GRID[1:7:2]),
    "a third of the settings lost": Broken(_nothing, lost=1 / 3),
}


def numbers_break(broken: Broken) -> Draw:
    """From the settings' means and variances."""
    share, scaling, decay = (
        one.ravel()
        for one in np.meshgrid(np.log10(SHARES), broken.scalings, np.log10(broken.decays))
    )
    level = decay + scaling * share
    z = level + 1.9 - share
    truth = RESPONSES["a parabola"](z) + 0.9 - broken.loses(level, z, share)
    truth = np.maximum(truth, 0.12)
    sigma = np.where(truth < 0.8, 0.03, 0.003 * broken.noise(level, z, share))

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        noise = NOISES[broken.shape](rng, 2 * len(truth)).reshape(-1, 2)
        kept = rng.random(len(truth)) >= broken.lost
        values = truth[:, None] + sigma[:, None] * noise
        return _followed(values[kept], 1.0, *(one[kept] for one in (level, share, scaling)))

    return draw


TRENDS = {
    f"α̂, truth {alpha:g}, {response}{where}": Design(
        "coverage of its interval",
        trend(alpha, shift + 1.4 * alpha, response),
        COVERS,
        400,
        second_stage=True,
        fast=numbers_trend(alpha, shift + 1.4 * alpha, response),
    )
    for response in RESPONSES
    for alpha in (0.0, 0.5, 1.0)
    for where, shift in (("", -3.3), (", optimum above the grid", -1.8))
} | {
    f"α̂, truth 1, {where}": Design(
        "is it said where it is another?",
        numbers_break(broken),
        {} if where.startswith("a bend") else FALSE,
        400,
        second_stage=True,
        fast=numbers_break(broken),
    )
    for where, broken in BREAKS.items()
}
