"""What is missing, tied, collapsed or too large: claims that must not be made of it."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

from analysis.claims.answers import answer, best_claim
from analysis.claims.arm import Arm
from analysis.claims.best import Winner, winner
from analysis.claims.comparison import by_direction
from analysis.claims.selection import Sized
from analysis.statistics.contrasts import effect_of_blocks
from benchmarks.calibration.contrasts import RANK_KEYS, SCALING, scaled_configs
from benchmarks.calibration.design import (
    CHEAP,
    CHOOSING,
    ESTIMATING,
    FALSE,
    MIDDLE,
    SIGMA,
    Design,
    Draw,
    noisy,
    shown,
)
from benchmarks.calibration.selected import named
from benchmarks.calibration.simulated import Plan, choice, plan, space, two_stages
from search_spaces.grammar.space_json import questions

FAMILIES = ("low_rank", "tucker2", "tt_conv", "dense")
SHARES = (0.05, 0.1)


@functools.cache
def _rank_plan(count: int, seeds: int) -> Plan:
    configs = [
        {"layer": "low_rank", "rank": 2 + number, "seed": seed}
        for number in range(count)
        for seed in range(seeds)
    ]
    return plan(space({"rank": choice(*range(2, 64))}), configs)


def tied(count: int, seeds: int) -> Draw:
    """Equal configurations on 143 images, whose accuracies move in steps of 4.7 σ."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        ours = _rank_plan(count, seeds)
        middle = MIDDLE + rng.uniform(0, 1 / 143)
        accuracy = np.round(143 * noisy(ours, middle, SIGMA, rng)) / 143
        return {"false": best_claim(ours.study(accuracy)).verdict == "shown"}

    return draw


def far_below(noisiest: float) -> Draw:
    """Two equal configurations, one noisier; six others 30 σ below. Which is best is not shown."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        ours = _rank_plan(8, 3)
        number = np.arange(len(ours.configs)) // 3
        sigma = np.where(number == 0, noisiest * SIGMA, SIGMA)
        accuracy = noisy(ours, MIDDLE - 30 * SIGMA * (number > 1), sigma, rng)
        return {"false": best_claim(ours.study(accuracy)).verdict == "shown"}

    return draw


@functools.cache
def _contrast_plan() -> Plan:
    return plan(space(RANK_KEYS, [SCALING]), scaled_configs(range(4, 8), range(4)))


def diverging(rng: np.random.Generator) -> dict[str, bool]:
    """Of both treatments alike every fifth run diverges; no effect."""
    ours = _contrast_plan()
    status = np.where(rng.random(len(ours.configs)) < 0.2, "diverged", "finished")
    return {"false": shown(ours.study(noisy(ours, MIDDLE, SIGMA, rng), status.tolist()))}


def shared_seeds(rng: np.random.Generator) -> dict[str, bool]:
    """Eight tenths of a run's luck are its seed's, in every network; no effect."""
    ours = _contrast_plan()
    luck = rng.normal(size=4)[[config["seed"] for config in ours.configs]]
    mean = MIDDLE + np.sqrt(0.8) * SIGMA * luck
    return {"false": shown(ours.study(noisy(ours, mean, np.sqrt(0.2) * SIGMA, rng)))}


def numbers_diverging(rng: np.random.Generator) -> dict[str, bool]:
    """As ``diverging``, from the runs: what the report compares once it has read them."""
    rows = pd.DataFrame(
        [(block, treated) for block in range(4) for treated in (False, True) for _ in range(4)],
        columns=["block", "treated"],
    )
    collapsed = rng.random(len(rows)) < 0.2
    value = np.where(collapsed, 0.1, MIDDLE + SIGMA * rng.normal(size=len(rows)))
    runs = rows.assign(value=value, collapsed=collapsed, family="low_rank")
    return {"false": by_direction(runs).p < 0.05}


def numbers_shared(rng: np.random.Generator) -> dict[str, bool]:
    """As ``shared_seeds``, from the cells' numbers."""
    luck = np.sqrt(0.8) * rng.normal(size=4) + np.sqrt(0.2) * rng.normal(size=(4, 2, 4))
    values = SIGMA * luck
    count = np.full((4, 2), 4.0)
    found = effect_of_blocks(values.mean(axis=2), values.var(axis=2, ddof=1), count)
    return {"false": found.p < 0.05}


@functools.cache
def _family_plan(larger: bool) -> Plan:
    question = {"kind": "select", "key": "layer", "within": "compression"}
    keys = {
        "layer": choice(*FAMILIES),
        "compression": choice(*SHARES),
        "learning_rate": choice(0.2, 0.4, role="nuisance"),
    }
    configs = [
        {"layer": layer, "compression": share, "learning_rate": rate, "seed": seed,
         "budget_side": side}
        for layer in FAMILIES for share in SHARES for rate in (0.2, 0.4)
        for side in (("below", "above") if layer == "dense" and larger else ("within",))
        for seed in (*CHOOSING[:2], *ESTIMATING)
    ]  # fmt: skip
    return plan(space(keys, [question]), configs)


def partly_estimated(rng: np.random.Generator) -> dict[str, bool]:
    """The truly best family, 3 σ ahead, lost its fresh runs; the next is 10 σ ahead of the rest."""
    ours = _family_plan(False)
    lead = {"tt_conv": 13.0, "tucker2": 10.0}
    mean = [MIDDLE + SIGMA * lead.get(config["layer"], 0.0) for config in ours.configs]
    status = [
        "failed" if config["layer"] == "tt_conv" and config["seed"] >= ESTIMATING[1] else "finished"
        for config in ours.configs
    ]
    study = ours.study(noisy(ours, mean, SIGMA, rng), status)
    claim = answer(two_stages(ours, study, questions(ours.space)))
    return {"false": claim.verdict == "shown" and "tt_conv" not in claim.words}


def larger_neighbour(rng: np.random.Generator) -> dict[str, bool]:
    """No width fills the budget; the one above it is as good as the best family."""
    ours = _family_plan(True)
    mean = [
        MIDDLE + 7 * SIGMA * (config["layer"] == "tucker2" or config["budget_side"] == "above")
        for config in ours.configs
    ]
    study = ours.study(noisy(ours, mean, SIGMA, rng))
    claim = answer(two_stages(ours, study, questions(ours.space)))
    return {"false": claim.verdict == "shown"}


def two_equal(rng: np.random.Generator) -> dict[str, bool]:
    """Two families alike at both budgets, far ahead of the others."""
    ours = _family_plan(False)
    mean = [
        MIDDLE + 20 * SIGMA * (config["layer"] in ("tucker2", "tt_conv")) for config in ours.configs
    ]
    study = ours.study(noisy(ours, mean, SIGMA, rng))
    claim = answer(two_stages(ours, study, questions(ours.space)))
    return {"false": claim.verdict == "shown"}


def numbers_tied(count: int, seeds: int) -> Draw:
    """As ``tied``, from the arms' numbers."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        middle = MIDDLE + rng.uniform(0, 1 / 143)
        values = np.round(143 * (middle + SIGMA * rng.normal(size=(count, seeds)))) / 143
        return {"false": _best_of(values).p < 0.05}

    return draw


def numbers_far(noisiest: float) -> Draw:
    """As ``far_below``, from the arms' numbers."""
    sigma = SIGMA * np.array([noisiest] + [1.0] * 7)
    mean = MIDDLE - 30 * SIGMA * (np.arange(8) > 1)

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        values = mean[:, None] + sigma[:, None] * rng.normal(size=(8, 3))
        return {"false": _best_of(values).p < 0.05}

    return draw


def _best_of(values: np.ndarray) -> Winner:
    arms = [Arm(str(number), number, one, one, len(one)) for number, one in enumerate(values)]
    return winner(sorted(arms, key=lambda arm: -arm.mean))


def numbers_budgets(*families: tuple[float, int, bool]) -> Draw:
    """Families of (σ ahead, fresh runs, above the budget) at two budgets; the first is the truth.

    "false": at either budget another is named, or any where the first two are equally good.
    """

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        budgets = []
        for _ in SHARES:
            arms = []
            for number, (ahead, runs, larger) in enumerate(families):
                fresh = MIDDLE + SIGMA * (ahead + rng.normal(size=runs))
                arm = Arm(str(number), number, fresh, fresh, 5, 2)
                arms.append(Sized(arm, (str(number),), larger))
            budgets.append(arms)
        right = families[0][0] > families[1][0]
        return {"false": any(name != "0" or not right for name in named(budgets))}

    return draw


def _budgets(what: str, draw: Draw, *ahead: tuple[float, int, bool]) -> Design:
    """Two families ahead and two at 0, from fresh runs."""
    behind = (0.0, 5, False)
    fast = numbers_budgets(*ahead, behind, behind)
    return Design(what, draw, FALSE, second_stage=True, fast=fast)


MISSING = {
    "best of 6 equals on 143 images, n = 3": Design(
        "tied accuracies", tied(6, 3), FALSE, fast=numbers_tied(6, 3)
    ),
    "best of 2 equals on 143 images, n = 2": Design(
        "tied accuracies", tied(2, 2), FALSE, fast=numbers_tied(2, 2)
    ),
    "best of 2 equals, 6 far below": Design("n = 3", far_below(1.0), FALSE, fast=numbers_far(1.0)),
    "best of 2 equals, one 6 times noisier, 6 far below": Design(
        "n = 3", far_below(6.0), FALSE, fast=numbers_far(6.0)
    ),
    "contrast, every fifth run diverges": Design(
        "4 blocks, n = 4", diverging, FALSE, 200, fast=numbers_diverging
    ),
    "contrast, runs of a seed are alike": Design(
        "4 blocks, n = 4", shared_seeds, FALSE, CHEAP, fast=numbers_shared
    ),
    "select, the best family lost its fresh runs": _budgets(
        "is another named?", partly_estimated, (13.0, 1, False), (10.0, 5, False)
    ),
    "select, the width above the budget is as good": _budgets(
        "is a family named?", larger_neighbour, (7.0, 5, True), (7.0, 5, False)
    ),
    "select, two families alike, the others far behind": _budgets(
        "is one named at either budget?", two_equal, (20.0, 5, False), (20.0, 5, False)
    ),
}
