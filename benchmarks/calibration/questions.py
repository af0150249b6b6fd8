"""The questions of the grammar: select, carry, smallest."""

from __future__ import annotations

import functools

import numpy as np

from analysis.claims.arm import Arm
from benchmarks.calibration.design import (
    CHOOSING,
    ESTIMATING,
    FALSE,
    MIDDLE,
    SHOWN,
    SIGMA,
    Design,
    Draw,
    noisy,
    shown,
)
from benchmarks.calibration.simulated import Config, Plan, choice, plan, space, two_stages

BUDGETS = (0.05, 0.08, 0.12, 0.2)
SELECT = {"kind": "select", "key": ["layer", "dims"], "within": "compression"}


@functools.cache
def _select_plan(rates: tuple[float, ...]) -> Plan:
    reshaped = ("tensor_train", "tucker", "cp")
    arms = [(layer, dims) for layer in reshaped for dims in (2, 3)]
    arms += [("low_rank", None), ("tucker2", None), ("tt_conv", None)]
    keys = {
        "layer": choice(*dict.fromkeys(layer for layer, _ in arms)),
        "compression": choice(*BUDGETS),
        "dims": choice(2, 3, layer=reshaped),
        "learning_rate": choice(*rates, role="nuisance"),
    }
    seeds = (0, 1, *ESTIMATING) if len(rates) > 1 else CHOOSING
    configs = [
        {"layer": layer, "compression": share, "learning_rate": rate, "seed": seed,
         **({"dims": dims} if dims else {})}
        for layer, dims in arms for share in BUDGETS for rate in rates for seed in seeds
    ]  # fmt: skip
    return plan(space(keys, [SELECT]), configs)


def select(rates: tuple[float, ...], lead: float) -> Draw:
    """Nine families and dims at four budgets; tucker2 leads by ``lead`` σ."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        from analysis.claims.selection import selection_claims
        from search_spaces.grammar.space_json import questions

        ours = _select_plan(rates)
        mean = [MIDDLE + lead * SIGMA * (c["layer"] == "tucker2") for c in ours.configs]
        study = ours.study(noisy(ours, mean, SIGMA, rng))
        asked = questions(ours.space)
        if len(rates) > 1:
            study = two_stages(ours, study, [*asked, None])
        said = selection_claims(study, asked[0])[1:]
        named = [c for c in said if c.verdict == "shown"]
        right = [c for c in named if "tucker2" in c.words.split(":")[0]]
        if not lead:
            return {"false": bool(named)}
        return {"shown": len(right) == len(BUDGETS), "false": len(named) > len(right)}

    return draw


def numbers_select(arms: int, settings: int, lead: float) -> Draw:
    """As ``select``, from the arms' numbers: four budgets, each arm tuned on 2 seeds if at all."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        from analysis.claims.selection import Sized
        from benchmarks.calibration.selected import named

        budgets = []
        for _ in BUDGETS:
            runs = 5 if settings > 1 else 3
            means = MIDDLE + lead * SIGMA * (np.arange(arms) == 0)
            values = means[:, None] + SIGMA * rng.normal(size=(arms, runs))
            ours = [Arm(str(i), 1, one, one, runs, settings) for i, one in enumerate(values)]
            budgets.append([Sized(arm, (arm.name,), False) for arm in ours])
        claimed = named(budgets)
        if not lead:
            return {"false": bool(claimed)}
        return {"shown": claimed.count("0") == len(BUDGETS), "false": set(claimed) > {"0"}}

    return draw


@functools.cache
def _smallest_plan() -> Plan:
    question = {"kind": "smallest", "margin": 0.01, "reference": {"layer": "dense"}}
    ranks = (2, 4, 8, 16, 24, 32, 48)
    keys = {"layer": choice("dense", "low_rank"), "rank": choice(*ranks, layer=("low_rank",))}
    seeds = (0, 1, *ESTIMATING)
    configs: list[Config] = [{"layer": "dense", "seed": seed} for seed in seeds]
    configs += [{"layer": "low_rank", "rank": r, "seed": seed} for r in ranks for seed in seeds]
    return plan(space(keys, [question]), configs)


def smallest(lost: float) -> Draw:
    """Every small network loses ``lost`` points; the margin is 1."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        from search_spaces.grammar.space_json import questions

        ours = _smallest_plan()
        mean = [MIDDLE - 0.01 * lost * (c["layer"] != "dense") for c in ours.configs]
        study = two_stages(ours, ours.study(noisy(ours, mean, SIGMA, rng)), questions(ours.space))
        return {"false" if lost >= 1 else "shown": shown(study)}

    return draw


def numbers_smallest(lost: float) -> Draw:
    """As ``smallest``, from the arms' numbers: seven small networks, chosen on 2 seeds."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        from analysis.claims.arm import with_spread_of_kind
        from analysis.claims.noninferior import margin_test
        from analysis.statistics.multiple_tests import holm

        truth = MIDDLE - 0.01 * lost * (np.arange(8) > 0)
        choosing = (truth[:, None] + SIGMA * rng.normal(size=(8, 2))).mean(axis=1)
        fresh = truth[:, None] + SIGMA * rng.normal(size=(8, 5))
        arms = [Arm(str(i), i, one, one, 5) for i, one in enumerate(fresh)]
        tried = [arms[i] for i in range(1, 8) if choosing[i] >= choosing[0] - 0.01]
        tried = with_spread_of_kind(tried, [False] * len(tried))
        p_values = holm([margin_test(arm, arms[0], 0.01)[0] for arm in tried])
        return {"false" if lost >= 1 else "shown": min(p_values, default=1.0) < 0.05}

    return draw


QUESTIONS = {
    "select, 4 budgets of 9 arms, no difference": Design(
        "n = 3, nothing to tune",
        select((0.4,), 0.0),
        FALSE,
        second_stage=True,
        fast=numbers_select(9, 1, 0.0),
    ),
    "select, one family 6.7 σ ahead": Design(
        "n = 3, nothing to tune; named at all 4 budgets",
        select((0.4,), 6.7),
        {**SHOWN, **FALSE},
        second_stage=True,
        fast=numbers_select(9, 1, 6.7),
    ),
    "select, tuned over 3 rates, no difference": Design(
        "2 choosing, 5 fresh seeds",
        select((0.2, 0.4, 0.8), 0.0),
        FALSE,
        second_stage=True,
        fast=numbers_select(9, 3, 0.0),
    ),
    "select, tuned over 3 rates, one family 6.7 σ ahead": Design(
        "2 choosing, 5 fresh seeds; named at all 4 budgets",
        select((0.2, 0.4, 0.8), 6.7),
        {**SHOWN, **FALSE},
        second_stage=True,
        fast=numbers_select(9, 3, 6.7),
    ),
    "smallest, all exactly at the margin": Design(
        "is one said to be within it?",
        smallest(1.0),
        FALSE,
        second_stage=True,
        fast=numbers_smallest(1.0),
    ),
    "smallest, all lose half the margin": Design(
        "is one said to be within it?",
        smallest(0.5),
        SHOWN,
        second_stage=True,
        fast=numbers_smallest(0.5),
    ),
}
