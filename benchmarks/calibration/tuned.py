"""What was tuned: arms with several settings, on choosing seeds and on fresh ones."""

from __future__ import annotations

import functools

import numpy as np

from analysis.claims.answers import answer
from benchmarks.calibration.contrasts import RANK_KEYS, SCALING, scaled_configs
from benchmarks.calibration.design import (
    AT_LEAST,
    CHEAP,
    CHOOSING,
    DEAR,
    ESTIMATING,
    FALSE,
    MIDDLE,
    SIGMA,
    Design,
    Draw,
    has_stages,
    noisy,
)
from benchmarks.calibration.simulated import Plan, choice, plan, space, two_stages
from benchmarks.calibration.trends import decay_mean, decay_plan


def tuned_unequally(blocks: int) -> Draw:
    """Best of ten learning rates against best of one, without an effect of either."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        ours = _tuned_plan(blocks, has_stages())
        study = ours.study(noisy(ours, MIDDLE, SIGMA, rng))
        if has_stages():
            from search_spaces.grammar.space_json import questions

            study = two_stages(ours, study, questions(ours.space))
        claim = answer(study)
        return {"false": claim.verdict == "shown", "said": claim.verdict != "cannot_say"}

    return draw


@functools.cache
def _tuned_plan(blocks: int, staged: bool) -> Plan:
    rates = [0.1 * (1 + i) for i in range(10)]
    keys = {**RANK_KEYS, "learning_rate": choice(*rates, role="nuisance")}
    seeds = (*CHOOSING, *ESTIMATING) if staged else CHOOSING
    configs = [
        {**config, "learning_rate": rate}
        for config in scaled_configs(range(4, 4 + blocks), seeds)
        for rate in (rates if config["weight_decay_scaling"] else rates[:1])
    ]
    return plan(space(keys, [SCALING]), configs)


def lowers(alpha: float, shift: float) -> Draw:
    """Whether the report says that α = 1 lowers accuracy: at their best λ both arms are equal."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        staged = has_stages()
        ours = decay_plan(staged, ("contrast",))
        mean = decay_mean(ours, alpha, shift, "a parabola")
        study = ours.study(noisy(ours, mean, SIGMA, rng))
        if staged:
            from search_spaces.grammar.space_json import questions

            study = two_stages(ours, study, questions(ours.space))
        claim = answer(study)
        return {"false": claim.verdict == "shown" and claim.effect < 0}

    return draw


def carry_flat(rng: np.random.Generator) -> dict[str, bool]:
    """The decay does nothing: carrying one costs nothing, and no α costs less than another."""
    from analysis.claims.carrying import carry_claims
    from search_spaces.grammar.space_json import questions

    ours = decay_plan(True, ("carry",))
    (question,) = questions(ours.space)
    study = ours.study(noisy(ours, MIDDLE, SIGMA, rng))
    said = carry_claims(two_stages(ours, study, [question]), question)  # type: ignore[arg-type]
    return {"false": said[0].verdict == "shown", "said": said[0].verdict != "cannot_say"}


def numbers_tuned(blocks: int) -> Draw:
    """As ``tuned_unequally``, from the cells' numbers: both stages, then the test."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        from analysis.statistics.contrasts import effect_of_blocks

        runs = MIDDLE + SIGMA * rng.normal(size=(blocks, 10, len(CHOOSING) + len(ESTIMATING)))
        chosen = runs[:, :, : len(CHOOSING)].mean(axis=2).argmax(axis=1)
        best = runs[np.arange(blocks), chosen, len(CHOOSING) :]
        only = MIDDLE + SIGMA * rng.normal(size=(blocks, len(ESTIMATING)))
        fresh = np.stack([only, best], axis=1)
        count = np.full((blocks, 2), float(len(ESTIMATING)))
        found = effect_of_blocks(fresh.mean(axis=2), fresh.var(axis=2, ddof=1), count)
        return {"false": found.p < 0.05}

    return draw


CARRIED = (5e-5, 1.6e-4, 5e-4, 1.6e-3, 5e-3, 1.6e-2, 5e-2, 0.16)
SHARES = (0.017, 0.032, 0.058, 0.108)


def numbers_carry(alpha: float, height: float) -> Draw:
    """The grid of ``weight_decay`` on two seeds, what was chosen on five; from the cells' numbers.

    ``height`` points are lost a decade² from the best decay, which follows the compression with the
    exponent ``alpha``. "covers": the interval of the cost at α = 0 holds what the chosen values
    truly cost. "false": a cost is shown to be less where it is not. "less": it is shown to be less
    at α = 1 than at α = 0. "said": the chosen values lie within the grid at both.
    """
    space_ = space({"weight_decay": choice(*CARRIED, role="carried")})
    decay, share = np.log10(CARRIED), np.log10(SHARES)
    scaling = np.array([0.0, 1.0])
    level = decay[None, None] + scaling[:, None, None] * share[None, :, None]
    best = -2.8 + alpha * (share[None, :, None] + 1.4)
    truth = MIDDLE - height / 100 * (level - best) ** 2

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        from analysis.claims.carrying import Carried, cost_difference, cost_of
        from analysis.claims.grid_edge import edges

        choosing = (truth[..., None] + SIGMA * rng.normal(size=(*truth.shape, 2))).mean(axis=-1)
        fresh = truth[..., None] + SIGMA * rng.normal(size=(*truth.shape, 5))
        own, one = choosing.argmax(axis=2), choosing.mean(axis=1).argmax(axis=1)
        costs, true, said = [], [], []
        rows = np.arange(len(share))
        for number in range(len(scaling)):
            both = np.stack([fresh[number, :, one[number]], fresh[number, rows, own[number]]], 1)
            same = own[number] == one[number]
            table = np.stack(
                [both.mean(axis=2), both.var(axis=2, ddof=1), np.full(both.shape[:2], 5.0)], axis=2
            )
            cost = cost_of(table, same, 0.0)
            costs.append(Carried(scaling[number], None, (), tuple(rows), table, cost, 0))
            true.append(
                float((truth[number, rows, own[number]] - truth[number, :, one[number]]).mean())
            )
            values = [CARRIED[i] for i in (one[number], *own[number])]
            said.append(not edges(space_, "weight_decay", values))
        if not all(said):
            return {"false": False, "covers": True, "less": False, "said": False}
        found = cost_difference(costs[1], costs[0])  # the cost at 0 less that at 1
        shown = found.p < 0.05
        return {
            "false": shown and found.effect * (true[0] - true[1]) <= 0,
            "covers": costs[0].cost.low - 1e-12 <= true[0] <= costs[0].cost.high + 1e-12,
            "less": shown and found.effect > 0,
            "said": True,
        }

    return draw


def _carry_design(alpha: float, height: float, asked: dict[str, tuple[float, float]]) -> Design:
    draw = numbers_carry(alpha, height)
    return Design("the grid of weight_decay", draw, asked, CHEAP, second_stage=True, fast=draw)


TUNED = {
    "α = 1 lowers, truth α = 1, optimum above the grid": Design(
        "weight_decay as shipped", lowers(1.0, -1.5), FALSE, DEAR
    ),
    "α = 1 lowers, truth α = ½": Design("weight_decay as shipped", lowers(0.5, -2.8), FALSE, DEAR),
    "best of 10 against best of 1, 1 block": Design(
        "no effect", tuned_unequally(1), FALSE, fast=numbers_tuned(1)
    ),
    "best of 10 against best of 1, 3 blocks": Design(
        "no effect", tuned_unequally(3), FALSE, fast=numbers_tuned(3)
    ),
    "best of 10 against best of 1, 8 blocks": Design(
        "no effect", tuned_unequally(8), FALSE, fast=numbers_tuned(8)
    ),
    "carry, truth α = 1, 1 point a decade²": _carry_design(1.0, 1.0, {**FALSE, **AT_LEAST}),
    "carry, truth α = 0, 1 point a decade²": _carry_design(0.0, 1.0, {**FALSE, **AT_LEAST}),
    "carry, truth α = ½, 1 point a decade²": _carry_design(0.5, 1.0, {**FALSE, **AT_LEAST}),
    "carry, truth α = 1, .2 points a decade²": _carry_design(1.0, 0.2, {**FALSE, **AT_LEAST}),
    "carry, the decay does nothing": Design(
        "does a treatment cost less than another?",
        carry_flat,
        FALSE,
        CHEAP,
        second_stage=True,
        fast=numbers_carry(0.0, 0.0),
    ),
}
