"""The accuracy lost by using one value of a key for all architectures, at each treatment."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.claims.arm import Arm, paired_differences
from analysis.claims.choosing import Chosen, candidates, carried, columns, own_best
from analysis.claims.claim import (
    Claim,
    Verdict,
    evidence,
    p_words,
    points,
    spread_words,
    value_words,
)
from analysis.claims.evidence import UNTESTED, Evidence, choosing_grid, gather
from analysis.claims.grid_edge import edges
from analysis.claims.matching import tuned_columns
from analysis.statistics.contrasts import Effect, effect_of_blocks, effect_of_pairs
from analysis.statistics.intervals import rounding_variance, t_test
from analysis.statistics.multiple_tests import holm
from analysis.study.study import Study
from search_spaces.grammar.question import Carry
from trainables.text.count import plural


@dataclass(frozen=True)
class Carried:
    """The cost of one carried value, at one treatment.

    Attributes:
        treatment: the treatment's value.
        value: the value of the key that is carried over all architectures.
        own: the best value of the key on each architecture.
        blocks: numbers of the architectures that both were run on.
        cells: (architectures, 2, 3) array: mean, variance and count of the runs of the carried
            value, then of the architecture's own best value.
        cost: mean of own best minus carried, a fraction of accuracy.
        planned: runs in the plan, those that have not ended included.
    """

    treatment: Any
    value: Any
    own: tuple[Any, ...]
    blocks: tuple[int, ...]
    cells: np.ndarray
    cost: Effect
    planned: int


def carry_claims(study: Study, question: Carry) -> list[Claim]:
    """A claim that compares the treatments, then one for the cost at each treatment."""
    frame = candidates(study.space, *choosing_grid(study))
    key, treatment = columns([question.key, question.treatment])
    if frame.empty or key not in frame or treatment not in frame:
        return [
            Claim(f"Nothing can be said of carrying one {key}: nothing finished.", "cannot_say", 0)
        ]
    tuned = tuned_columns(study.space)
    own, shared = own_best(question, frame, tuned), carried(question, frame, tuned)
    gathered = gather(study, (*own, *shared))
    costs = [
        _cost(
            gathered,
            value,
            key,
            _by_block(own, treatment, value),
            _by_block(shared, treatment, value),
        )
        for value in sorted({choice.arm[treatment] for choice in shared})
    ]
    claims = [_claim(study, question, cost) for cost in costs]
    return [_compared(question, costs, claims), *claims]


def _by_block(chosen: Iterable[Chosen], treatment: str, value: Any) -> dict[int, Chosen]:
    """The choices at one value of the treatment, by the number of their architecture."""
    return {choice.arm["block"]: choice for choice in chosen if choice.arm[treatment] == value}


def _cost(
    gathered: Evidence, value: Any, key: str, own: dict[int, Chosen], shared: dict[int, Chosen]
) -> Carried:
    blocks, cells, apart = [], [], []
    arms: dict[str, Arm] = {}
    trials = gathered.runs.groupby("configuration")["trial_id"].agg(frozenset)
    seen = set()
    for block in sorted(own.keys() & shared.keys()):
        ran = tuple(trials.get(one[block].id) for one in (shared, own))
        if ran in seen:  # a network that is written twice counts once
            continue
        seen.add(ran)
        pair = {chosen.id: gathered.arm("", chosen) for chosen in (shared[block], own[block])}
        shared_runs, own_runs = pair[shared[block].id].outcomes, pair[own[block].id].outcomes
        arms |= pair
        if len(shared_runs) and len(own_runs):
            blocks.append(block)
            cells.append([_summary(shared_runs), _summary(own_runs)])
            apart.append(paired_differences(pair[shared[block].id], pair[own[block].id]))
    table = np.array(cells, dtype=float).reshape(-1, 2, 3)
    same = np.array([own[block].id == shared[block].id for block in blocks], dtype=bool)
    cost = cost_of(table, same, rounding_variance(gathered.runs["value"]))
    if not same.all():
        paired = effect_of_pairs(pd.DataFrame(apart).to_numpy(dtype=float))
        cost = paired if math.isfinite(paired.p) else cost
    return Carried(
        treatment=value,
        value=next(iter(shared.values())).configuration.get(key) if shared else None,
        own=tuple(chosen.configuration.get(key) for chosen in own.values()),
        blocks=tuple(blocks),
        cells=table,
        cost=dataclasses.replace(cost, n=sum(arm.n for arm in arms.values())),
        planned=sum(arm.planned for arm in arms.values()),
    )


def _summary(values: np.ndarray) -> tuple[float, float, int]:
    return (
        float(values.mean()),
        float(values.var(ddof=1)) if len(values) > 1 else math.nan,
        len(values),
    )


def cost_of(table: np.ndarray, same: np.ndarray, least: float) -> Effect:
    """The mean cost over architectures, a fraction of accuracy.

    Args:
        table: ``Carried.cells``.
        same: (architectures,), True where the carried value is the architecture's own best, so that
            the cost is 0 there by definition.
        least: the smallest variance that a cell may have, that of rounding.
    """
    if not len(table):
        return Effect()
    variance = np.where(same[:, None], 0.0, np.maximum(table[:, :, 1], least))
    if same.all():
        return Effect(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, int(table[:, 0, 2].sum()), len(table), 2)
    return effect_of_blocks(table[:, :, 0], variance, table[:, :, 2], generalises=len(table) + 1)


def _claim(study: Study, question: Carry, result: Carried) -> Claim:
    where = f"at {question.treatment} {value_words(result.treatment)}"
    start = f"Carrying one {question.key}, {value_words(result.value)}, {where}"
    chosen = [value for value in (result.value, *result.own) if value is not None]
    wide = edges(study.space, question.key, chosen)
    if wide:
        text = f"Nothing can be said of what one {question.key} costs {where}: a chosen value lies"
        text += f" at an end of the grid; widen {question.key} {' and '.join(wide)}."
        return Claim(text, "cannot_say", result.cost.n)
    if not result.blocks or not math.isfinite(result.cost.p):
        return Claim(f"{start}: nothing can be said of its cost: {UNTESTED}.", "cannot_say", 0)
    cost = result.cost
    missing = f" ({result.planned} planned)" if result.planned > cost.n else ""
    ran = f"n = {cost.n} fresh runs{missing} of {plural(cost.blocks, 'architecture')}"
    if cost.se == 0:
        return Claim(
            f"{start} costs nothing: every architecture chose it, {ran}.", "not_shown", cost.n, 0.0
        )
    numbers = evidence(cost.effect, cost.low, cost.high, cost.p)
    verdict: Verdict = "shown" if cost.p < 0.05 and cost.effect > 0 else "not_shown"
    ran += spread_words(cost.spread)
    if verdict == "shown":
        text = f"{start} costs accuracy: {numbers}, {ran}."
    else:
        text = f"{start} is not shown to cost accuracy: {numbers}, {ran}."
    return Claim(text, verdict, cost.n, cost.effect, cost.low, cost.high, cost.p)


def _compared(question: Carry, costs: list[Carried], claims: list[Claim]) -> Claim:
    """Which treatments cost less than others, with Holm's correction over their pairs."""
    known = [
        cost for cost, claim in zip(costs, claims, strict=True) if claim.verdict != "cannot_say"
    ]
    key, treatment = question.key, question.treatment
    if len(known) < 2:
        reason = next((c.words.partition(": ")[2] for c in claims if c.verdict == "cannot_say"), "")
        text = f"Nothing can be said of the {treatment} at which one {key} costs least: {reason}"
        return Claim(text.rstrip(": "), "cannot_say", sum(carried.cost.n for carried in costs))
    pairs = [pair for pair in itertools.combinations(known, 2) if _shared(*pair)]
    effects = [cost_difference(*pair) for pair in pairs]
    adjusted = holm([effect.p for effect in effects])
    n = sum(carried.cost.n for carried in known)
    costs_at = [
        f"{points(carried.cost.effect)} at {value_words(carried.treatment)}" for carried in known
    ]
    listed = ", ".join(costs_at).replace(" at ", f" points at {treatment} ", 1)
    shown = [
        (pair, effect, p)
        for pair, effect, p in zip(pairs, effects, adjusted, strict=True)
        if p < 0.05
    ]
    start = f"One {key} carried over all architectures costs {listed}"
    if not shown:
        return Claim(
            f"{start}: no difference between these costs is shown, n = {n} fresh runs.",
            "not_shown",
            n,
        )
    words = [_less(*pair) for pair in shown]
    first = shown[0][1]
    text = f"{start}: {'; '.join(words)}; n = {n} fresh runs."
    return Claim(text, "shown", n, first.effect, first.low, first.high, shown[0][2])


def _less(pair: tuple[Carried, Carried], effect: Effect, p: float) -> str:
    """At which of two treatments the cost is lower, and by how much, in words."""
    (a, b), sign = pair, 1 if effect.effect > 0 else -1
    less, more = (a, b) if effect.effect > 0 else (b, a)
    low, high = sorted((sign * effect.low, sign * effect.high))
    numbers = evidence(abs(effect.effect), low, high, effect.p)
    where = f"at {value_words(less.treatment)} than at {value_words(more.treatment)}"
    return f"less {where} by {numbers}, {p_words(p)} after Holm's correction"


def _shared(a: Carried, b: Carried) -> bool:
    return bool(set(a.blocks) & set(b.blocks))


def cost_difference(a: Carried, b: Carried) -> Effect:
    """The cost at ``b`` minus the cost at ``a``, over the architectures that both have."""
    variance = _variance_of_cost(a) + _variance_of_cost(b)
    effect = b.cost.effect - a.cost.effect
    df = _welch_df([(_variance_of_cost(a), a.cost.df), (_variance_of_cost(b), b.cost.df)])
    se = math.sqrt(variance)
    if not se > 0:
        return Effect(effect, p=math.nan)
    return Effect(effect, *t_test(effect, se, df), df, se, a.cost.n + b.cost.n)


def _variance_of_cost(carried: Carried) -> float:
    return carried.cost.se**2 if carried.cost.se > 0 else 0.0


def _welch_df(parts: list[tuple[float, float]]) -> float:
    """Welch-Satterthwaite degrees of freedom of a sum of estimates, each (variance, df).

    Without what ``satterthwaite`` adds: it allows for a cell that dominates and was lucky, and the
    costs that are compared here were already given their degrees of freedom with that allowance.
    """
    known = [(variance, df) for variance, df in parts if variance > 0]
    total = sum(variance for variance, _ in known)
    return total**2 / sum(variance**2 / df for variance, df in known) if known else math.nan
