"""What one value of a key, carried over all architectures, costs at each treatment."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.claims.arm import Arm
from analysis.claims.choosing import Chosen, candidates, carried, columns, own_best
from analysis.claims.claim import Claim, Verdict, evidence, p_words, points, value_words
from analysis.claims.evidence import UNTESTED, Evidence, gather
from analysis.claims.grid_edge import edges
from analysis.claims.matching import tuned_columns
from analysis.statistics.contrasts import Effect, effect_of_blocks, holm
from analysis.statistics.intervals import rounding_variance, t_p_value, t_quantile
from analysis.study.configurations import grid
from analysis.study.study import Study
from search_spaces.grammar.question import Carry
from trainables.text.count import plural


@dataclass(frozen=True)
class Carried:
    """One treatment: the value it carries, and what that costs on each architecture.

    ``cells`` has a row an architecture: mean, variance and count of the carried value's runs and of
    the architecture's own best; equal where they are the same.
    """

    treatment: Any
    value: Any
    own: tuple[Any, ...]
    blocks: tuple[int, ...]
    cells: np.ndarray
    cost: Effect
    planned: int


def carry_claims(study: Study, question: Carry) -> list[Claim]:
    """The cost at each treatment, after a sentence that compares the treatments."""
    frame = candidates(study.space, grid(study), study.metric)
    key, treatment = columns([question.key, question.treatment])
    if frame.empty or key not in frame or treatment not in frame:
        return [
            Claim(f"Nothing can be said of carrying one {key}: nothing finished.", "cannot_say", 0)
        ]
    tuned = tuned_columns(study.space)
    own, one = own_best(question, frame, tuned), carried(question, frame, tuned)
    gathered = gather(study, (*own, *one))
    arms = {value: _of(one, treatment, value) for value in sorted({c.arm[treatment] for c in one})}
    costs = [
        _cost(gathered, value, key, _of(own, treatment, value), chosen)
        for value, chosen in arms.items()
    ]
    said = [_claim(study, question, one) for one in costs]
    return [_compared(question, costs, said), *said]


def _of(chosen: Iterable[Chosen], treatment: str, value: Any) -> dict[int, Chosen]:
    return {one.arm["block"]: one for one in chosen if one.arm[treatment] == value}


def _cost(
    gathered: Evidence, value: Any, key: str, own: dict[int, Chosen], one: dict[int, Chosen]
) -> Carried:
    blocks, cells = [], []
    ran: dict[str, Arm] = {}
    for block in sorted(own.keys() & one.keys()):
        both = {chosen.id: gathered.arm("", chosen) for chosen in (one[block], own[block])}
        theirs, ours = both[one[block].id].outcomes, both[own[block].id].outcomes
        ran |= both
        if len(theirs) and len(ours):
            blocks.append(block)
            cells.append([_summary(theirs), _summary(ours)])
    table = np.array(cells, dtype=float).reshape(-1, 2, 3)
    same = np.array([own[block].id == one[block].id for block in blocks], dtype=bool)
    cost = cost_of(table, same, rounding_variance(gathered.runs["value"]))
    return Carried(
        treatment=value,
        value=next(iter(one.values())).configuration.get(key) if one else None,
        own=tuple(chosen.configuration.get(key) for chosen in own.values()),
        blocks=tuple(blocks),
        cells=table,
        cost=dataclasses.replace(cost, n=sum(arm.n for arm in ran.values())),
        planned=sum(arm.planned for arm in ran.values()),
    )


def _summary(values: np.ndarray) -> tuple[float, float, int]:
    return (
        float(values.mean()),
        float(values.var(ddof=1)) if len(values) > 1 else math.nan,
        len(values),
    )


def cost_of(table: np.ndarray, same: np.ndarray, least: float) -> Effect:
    """The mean cost over these architectures; none where the carried value is the own one.

    ``least`` is the variance of runs that came out alike.
    """
    if not len(table):
        return Effect()
    variance = np.where(same[:, None], 0.0, np.maximum(table[:, :, 1], least))
    if same.all():
        return Effect(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, int(table[:, 0, 2].sum()), len(table), 2)
    return effect_of_blocks(table[:, :, 0], variance, table[:, :, 2], generalises=len(table) + 1)


def _claim(study: Study, question: Carry, one: Carried) -> Claim:
    where = f"at {question.treatment} {value_words(one.treatment)}"
    start = f"Carrying one {question.key}, {value_words(one.value)}, {where}"
    wide = edges(study.space, question.key, [v for v in (one.value, *one.own) if v is not None])
    if wide:
        text = f"Nothing can be said of what one {question.key} costs {where}: a chosen value lies"
        text += f" at an end of the grid; widen {question.key} {' and '.join(wide)}."
        return Claim(text, "cannot_say", one.cost.n)
    if not one.blocks or not math.isfinite(one.cost.p):
        return Claim(f"{start}: nothing can be said of its cost: {UNTESTED}.", "cannot_say", 0)
    cost = one.cost
    missing = f" ({one.planned} planned)" if one.planned > cost.n else ""
    ran = f"n = {cost.n} fresh runs{missing} of {plural(cost.blocks, 'architecture')}"
    if cost.se == 0:
        return Claim(
            f"{start} costs nothing: every architecture chose it, {ran}.", "not_shown", cost.n, 0.0
        )
    numbers = evidence(cost.effect, cost.low, cost.high, cost.p)
    verdict: Verdict = "shown" if cost.p < 0.05 and cost.effect > 0 else "not_shown"
    if verdict == "shown":
        text = f"{start} costs accuracy: {numbers}, {ran}."
    else:
        text = f"{start} is not shown to cost accuracy: {numbers}, {ran}."
    return Claim(text, verdict, cost.n, cost.effect, cost.low, cost.high, cost.p)


def _compared(question: Carry, costs: list[Carried], said: list[Claim]) -> Claim:
    """Which treatments cost less than others, with Holm's correction over their pairs."""
    known = [one for one, claim in zip(costs, said, strict=True) if claim.verdict != "cannot_say"]
    key, treatment = question.key, question.treatment
    if len(known) < 2:
        reason = next((c.words.partition(": ")[2] for c in said if c.verdict == "cannot_say"), "")
        text = f"Nothing can be said of the {treatment} at which one {key} costs least: {reason}"
        return Claim(text.rstrip(": "), "cannot_say", sum(one.cost.n for one in costs))
    pairs = [pair for pair in itertools.combinations(known, 2) if _shared(*pair)]
    effects = [cost_difference(*pair) for pair in pairs]
    adjusted = holm([effect.p for effect in effects])
    n = sum(one.cost.n for one in known)
    costs_at = [f"{points(one.cost.effect)} at {value_words(one.treatment)}" for one in known]
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
    words = [_less(*one) for one in shown]
    first = shown[0][1]
    text = f"{start}: {'; '.join(words)}; n = {n} fresh runs."
    return Claim(text, "shown", n, first.effect, first.low, first.high, shown[0][2])


def _less(pair: tuple[Carried, Carried], effect: Effect, p: float) -> str:
    """At which of two treatments the cost is lower, and by how much."""
    (a, b), sign = pair, 1 if effect.effect > 0 else -1
    less, more = (a, b) if effect.effect > 0 else (b, a)
    low, high = sorted((sign * effect.low, sign * effect.high))
    numbers = evidence(abs(effect.effect), low, high, effect.p)
    where = f"at {value_words(less.treatment)} than at {value_words(more.treatment)}"
    return f"less {where} by {numbers}, {p_words(p)} after Holm's correction"


def _shared(a: Carried, b: Carried) -> bool:
    return bool(set(a.blocks) & set(b.blocks))


def cost_difference(a: Carried, b: Carried) -> Effect:
    """The cost at ``b`` less that at ``a``, over the architectures that both have."""
    variance = _variance_of_cost(a) + _variance_of_cost(b)
    effect = b.cost.effect - a.cost.effect
    df = _free([(_variance_of_cost(a), a.cost.df), (_variance_of_cost(b), b.cost.df)])
    se = math.sqrt(variance)
    if not se > 0:
        return Effect(effect, p=math.nan)
    half = float(t_quantile(df)) * se
    p = float(t_p_value(effect, se, df))
    return Effect(effect, effect - half, effect + half, p, df, se, a.cost.n + b.cost.n)


def _variance_of_cost(one: Carried) -> float:
    return one.cost.se**2 if one.cost.se > 0 else 0.0


def _free(parts: list[tuple[float, float]]) -> float:
    known = [(variance, df) for variance, df in parts if variance > 0]
    total = sum(variance for variance, _ in known)
    return total**2 / sum(variance**2 / df for variance, df in known) if known else math.nan
