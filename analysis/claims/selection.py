"""Which value of a key is best within each budget, each arm tuned over its own nuisance keys."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.claims.arm import Arm, best_arm
from analysis.claims.best import Winner, held_out_words, ranked_claim, runs_words, winner
from analysis.claims.choosing import SIDE, Chosen, choose, columns
from analysis.claims.claim import Claim, metric_words, points, value_words
from analysis.claims.evidence import UNTESTED, Evidence, gather
from analysis.statistics.contrasts import hochberg
from analysis.study.configurations import grid
from analysis.study.study import Study
from search_spaces.grammar.question import Select
from trainables.text.count import plural


def selection_claims(study: Study, question: Select) -> list[Claim]:
    """What can be said over all budgets, then of each, smallest first.

    Each budget is a comparison of its own; its runs are no other's. With Hochberg's correction over
    the budgets, anything wrong is said of them one time in twenty at most.
    """
    chosen = choose(question, study.space, grid(study), study.metric)
    if not chosen:
        keys, within = " and ".join(question.keys), question.within
        text = f"Nothing can be said of {keys} within {within}: no two arms have finished."
        return [Claim(text, "cannot_say", 0)]
    gathered = gather(study, chosen)
    (within,) = columns([question.within])
    budgets: dict[Any, list[Sized]] = {}
    for one in chosen:
        budgets.setdefault(one.arm[within], []).append(_sized(one, within, gathered))
    found = {
        budget: best_within(arms)
        for budget, arms in sorted(budgets.items(), key=lambda pair: pair[0])
    }
    adjusted = hochberg([one.p if one else math.nan for one in found.values()])
    said = [
        _claim(study, question, budget, one, budgets[budget], p, tuned=gathered.tuned)
        for (budget, one), p in zip(found.items(), adjusted, strict=True)
    ]
    if len(said) < 2:
        return said
    return [_summary(question, found, said, adjusted), *said]


@dataclass(frozen=True)
class Sized:
    """An arm within its budget; ``larger`` where it is the width above a budget that none fills."""

    arm: Arm
    compared: tuple[Any, ...]
    larger: bool


def _sized(chosen: Chosen, within: str, gathered: Evidence) -> Sized:
    larger = chosen.arm.get(SIDE) == "above"
    name = arm_name(chosen, within, SIDE) + (", wider than the budget" if larger else "")
    compared = tuple(value for key, value in chosen.arm.items() if key != SIDE)
    return Sized(gathered.arm(name, chosen), compared, larger)


def arm_name(chosen: Chosen, *without: str) -> str:
    """An arm by the values that are compared: "tucker dims 3"."""
    words = [
        value_words(value) if key == "layer" else f"{key} {value_words(value)}"
        for key, value in chosen.arm.items()
        if key not in without and value is not None
    ]
    return " ".join(words)


def best_within(arms: list[Sized]) -> Winner | None:
    """The best of the arms within the budget; None where fewer than two have runs.

    It has to beat every arm, those with few runs or none and those above the budget too, but for
    its own wider network.
    """
    within = [one for one in arms if one.arm.n and not one.larger]
    if len(within) < 2:
        return None
    most = max(one.arm.n for one in within)
    able = [one for one in within if one.arm.n >= most / 2]
    best = best_arm(one.arm for one in able)
    (ours,) = (one.compared for one in able if one.arm is best)
    rivals = sorted((one.arm for one in able if one.arm is not best), key=lambda arm: -arm.mean)
    others = [
        one.arm for one in arms
        if one not in able and not (one.larger and one.compared == ours)
    ]  # fmt: skip
    return winner([best, *rivals], others)


def _claim(
    study: Study,
    question: Select,
    budget: Any,
    best: Winner | None,
    arms: list[Sized],
    p: float,
    *,
    tuned: bool,
) -> Claim:
    where = f"at {question.within} {value_words(budget)}"
    if best is None:
        reason = UNTESTED if tuned else f"fewer than two of {plural(len(arms), 'arm')} finished"
        return Claim(f"Nothing can be said {where}: {reason}.", "cannot_say", 0)
    runs = sum(one.arm.n for one in arms)
    name = f"{where[0].upper()}{where[1:]}, {best.arm.name} ({best.arm.parameters:,} parameters)"
    scored = f"{points(best.arm.mean)} % {metric_words(study.metric)}"
    if best.hardest is None or not math.isfinite(best.interval.low):
        text = f"{name} came out highest, {scored}; one run of each cannot say whether it is best."
        return Claim(text, "cannot_say", runs)
    chose = f"; best of {best.arm.candidates} settings" if best.arm.candidates > 1 else ""
    scored += f" ({runs_words(best.arm, fresh=tuned)}{chose}{held_out_words(study, best.arm.mean)})"
    return ranked_claim(name, scored, best, runs, p)


def _summary(
    question: Select, found: dict[Any, Winner | None], said: list[Claim], adjusted: list[float]
) -> Claim:
    """One sentence over all budgets; shown where something is shown at one of them."""
    shown = {
        budget: one.arm.name
        for (budget, one), claim in zip(found.items(), said, strict=True)
        if one is not None and claim.verdict == "shown"
    }
    n = sum(claim.n for claim in said)
    keys = " and ".join(question.keys)
    if not shown:
        if all(claim.verdict == "cannot_say" for claim in said):
            text = f"Nothing can be said yet of which {keys} is best at any {question.within}"
            return Claim(
                f"{text}: {said[0].words.partition(': ')[2] or said[0].words}", "cannot_say", n
            )
        text = (
            f"Which {keys} is best is not shown at any of {len(said)} values of {question.within}."
        )
        return Claim(text, "not_shown", n, p=_lowest(adjusted))
    words = "; ".join(
        f"{names} at {', '.join(value_words(b) for b in budgets)}"
        for names, budgets in _grouped(shown).items()
    )
    rest = len(said) - len(shown)
    text = f"Best {keys} by {question.within}: {words}"
    text += f"; at the other {plural(rest, 'value')} none is shown." if rest else "."
    first = next(claim for claim in said if claim.verdict == "shown")
    text += f" Each is ahead of every rival (p < .05 after Hochberg's correction, n = {n} runs)."
    return dataclasses.replace(first, words=text, n=n)


def _lowest(p_values: list[float]) -> float:
    return float(pd.Series(p_values, dtype="float64").min())


def _grouped(shown: dict[Any, str]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for budget, name in shown.items():
        groups.setdefault(name, []).append(budget)
    return groups
