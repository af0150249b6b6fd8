"""What was tuned: arms with several settings, on choosing seeds and on fresh ones."""

from __future__ import annotations

import functools

import numpy as np

from analysis.claims.answers import answer
from benchmarks.calibration.contrasts import RANK_KEYS, SCALING, scaled_configs
from benchmarks.calibration.design import (
    CHOOSING,
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
            from analysis.claims.questions import questions

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
            from analysis.claims.questions import questions

            study = two_stages(ours, study, questions(ours.space))
        claim = answer(study)
        return {"false": claim.verdict == "shown" and claim.effect < 0}

    return draw


def carry_flat(rng: np.random.Generator) -> dict[str, bool]:
    """The decay does nothing: carrying one costs nothing, and no α costs less than another."""
    from analysis.claims.carrying import carry_claims
    from analysis.claims.questions import questions

    ours = decay_plan(True, ("carry",))
    (question,) = questions(ours.space)
    study = ours.study(noisy(ours, MIDDLE, SIGMA, rng))
    said = carry_claims(two_stages(ours, study, [question]), question)  # type: ignore[arg-type]
    return {"false": said[0].verdict == "shown", "said": said[0].verdict != "cannot_say"}


TUNED = {
    "α = 1 lowers, truth α = 1, optimum above the grid": Design(
        "weight_decay as shipped", lowers(1.0, -1.5), FALSE
    ),
    "α = 1 lowers, truth α = ½": Design("weight_decay as shipped", lowers(0.5, -2.8), FALSE),
    "best of 10 against best of 1, 1 block": Design("no effect", tuned_unequally(1), FALSE),
    "best of 10 against best of 1, 3 blocks": Design("no effect", tuned_unequally(3), FALSE),
    "best of 10 against best of 1, 8 blocks": Design("no effect", tuned_unequally(8), FALSE),
    "carry, the decay does nothing": Design(
        "does a treatment cost less than another?", carry_flat, FALSE, 100, second_stage=True
    ),
}
