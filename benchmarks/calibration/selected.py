"""A ``select`` over several budgets, from its arms' numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.claims.selection import Sized, best_by_budget
from analysis.statistics.least_lead import smallest_lead
from analysis.statistics.multiple_tests import hochberg
from benchmarks.calibration.design import MIDDLE, PROMISED, SHOWN, SIGMA, Draw
from benchmarks.calibration.hard import BENT, DIPS, NO_BOUND, NORMAL, SKEWED, Shape, arm, hard
from trainables.text.count import plural


def named(budgets: Sequence[list[Sized]], *, together: bool = True) -> list[str]:
    """The arm that is shown to be best at each budget where one is.

    ``together`` is how the report does it; otherwise each budget knows its own runs alone.
    """
    asked = [dict(enumerate(budgets))] if together else [{0: arms} for arms in budgets]
    best = [one for budget in asked for one in best_by_budget(budget).values()]
    p_values = hochberg([one.p if one else math.nan for one in best])
    return [one.arm.name for one, p in zip(best, p_values, strict=True) if one and p < 0.05]


def skewed_family(
    arms: int, runs: int, budgets: int, shape: Shape = SKEWED, wide: float = 6.0
) -> Draw:
    """Equal families, of which one is skewed and ``wide`` times noisier, at each budget.

    "alone": each budget knows its own runs alone.
    """

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        compared = []
        for _ in range(budgets):
            values = NORMAL(rng, (arms, runs))
            values[0] = wide * shape(rng, (runs,))
            found = [arm(str(at), MIDDLE + SIGMA * one) for at, one in enumerate(values)]
            compared.append([Sized(one, (one.name,), False) for one in found])
        return {"false": bool(named(compared)), "alone": bool(named(compared, together=False))}

    return draw


def growing(runs: int, budgets: int, wide: float, ahead: float) -> Draw:
    """Two families whose runs spread up to ``wide`` times as far at other budgets.

    One is ``ahead`` by so many spreads at each. "shown": it is named at the budget whose runs
    spread least.
    """
    lead = np.array([[ahead], [0.0]])

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        compared = []
        for at, spread in enumerate(np.linspace(1, wide, budgets)):
            values = MIDDLE + SIGMA * spread * (lead + rng.normal(size=(2, runs)))
            kinds = [(f"{name} at {at}", name, one) for name, one in zip("AB", values, strict=True)]
            compared.append([Sized(arm(name, one), (kind,), False) for name, kind, one in kinds])
        alone = named(compared, together=False)
        return {"shown": "A at 0" in named(compared), "alone": "A at 0" in alone}

    return draw


def promised(rivals: int, runs: int, budgets: int) -> Draw:
    """One family is ahead at one budget by the least lead that ``--plan`` says can be shown."""
    lead = smallest_lead(runs, rivals=rivals, level=0.05 / budgets)

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        values = rng.normal(size=(budgets, rivals + 1, runs))
        values[0, 0] += lead
        compared = [
            [Sized(arm(str(at), MIDDLE + SIGMA * one), (at,), False) for at, one in enumerate(each)]
            for each in values
        ]
        return {"shown": "0" in named(compared)}

    return draw


def failing(arms: int, runs: int, share: float, noisiest: float = 1.0) -> Draw:
    """Equal families at four budgets; so large a share of the runs diverges."""

    def draw(rng: np.random.Generator) -> dict[str, bool]:
        compared = []
        for _ in range(4):
            values = MIDDLE + SIGMA * rng.normal(size=(arms, runs))
            values[0] = MIDDLE + noisiest * (values[0] - MIDDLE)
            lost = rng.random(values.shape) < share
            pairs = enumerate(zip(values, lost, strict=True))
            found = [arm(str(number), *one) for number, one in pairs]
            compared.append([Sized(one, (one.name,), False) for one in found])
        return {"false": bool(named(compared))}

    return draw


SELECTED = {
    "select, 2 families, n = 5, one exponential and 6 times noisier": hard(
        "4 budgets", skewed_family(2, 5, 4), studies=1_000
    ),
    "select, 2 families, n = 5, every tenth run of one 10 σ lower": hard(
        "4 budgets", skewed_family(2, 5, 4, DIPS, 3.0), studies=1_000
    ),
    "select, 2 families, n = 5, one exponential and 6 times noisier, 2 budgets": hard(
        "", skewed_family(2, 5, 2), NO_BOUND, 1_000
    ),
    "select, 2 families, n = 5, 4 σ ahead, spreads grow threefold over the budgets": hard(
        "4 budgets; at the quietest", growing(5, 4, 3.0, 4.0), SHOWN, 1_000
    ),
    "select, 2 families, n = 5, 3 σ ahead, spreads alike": hard(
        "4 budgets; at the first", growing(5, 4, 1.0, 3.0), SHOWN, 1_000
    ),
    "select, 2 families, n = 5, one skewed and 3 times noisier": hard(
        "4 budgets; half the skew of an exponential",
        skewed_family(2, 5, 4, BENT, 3.0),
        studies=1_000,
    ),
    "select, 9 families, every fifth fresh run diverges": hard(
        "n = 5, 4 budgets", failing(9, 5, 0.2), studies=1_000
    ),
    "select, 2 families, every second fresh run diverges": hard(
        "n = 5, 4 budgets", failing(2, 5, 0.5)
    ),
    "select, 2 families, n = 2, one 6 times noisier": hard("4 budgets", failing(2, 2, 0.0, 6.0)),
    "select, 2 families, n = 5, one 6 times noisier": hard("4 budgets", failing(2, 5, 0.0, 6.0)),
}
SELECTED |= {
    f"select, the least lead promised, n = {runs}, {plural(rivals, 'rival')}": hard(
        "at one of 3 budgets", promised(rivals, runs, 3), PROMISED, 1_000
    )
    for runs in (2, 3, 5, 8)
    for rivals in (1, 8)
}
