"""Which value of a key is best within each budget, where each arm tunes its own nuisance keys."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.claims.arm import Arm, best_arm, make_arm, with_spread_of_kind
from analysis.claims.best import Winner, held_out_words, ranked_claim, runs_words, winner
from analysis.claims.choosing import Chosen, choose, columns
from analysis.claims.claim import Claim, metric_words, points, value_words
from analysis.claims.evidence import UNTESTED, Evidence, choosing_grid, gather
from analysis.claims.grid_edge import edge, values_of
from analysis.claims.matching import tuned_columns
from analysis.record.dtypes import plain
from analysis.record.status import TrialStatus
from analysis.statistics.multiple_tests import hochberg
from analysis.study.best import allowed
from analysis.study.configurations import grid
from analysis.study.outcomes import is_estimating, outcomes
from analysis.study.searched_keys import SIDE, existing
from analysis.study.study import Study
from search_spaces.grammar.question import Select
from trainables.text.count import plural


def selection_claims(study: Study, question: Select) -> list[Claim]:
    """A claim over all budgets, then one for each budget, smallest first.

    The budgets share no runs, so that each is a comparison of its own. Hochberg's correction over
    them keeps the chance of any false claim at 5 % or less.
    """
    chosen = choose(question, study.space, *choosing_grid(study))
    if not chosen:
        keys, within = " and ".join(question.keys), question.within
        text = f"Nothing can be said of {keys} within {within}: no two arms have finished."
        return [Claim(text, "cannot_say", 0)]
    gathered = gather(study, chosen)
    # of equal means and sizes the first on record, as in ``replicates``
    order = {name: n for n, name in enumerate(gathered.runs["configuration"].drop_duplicates())}
    chosen = tuple(sorted(chosen, key=lambda choice: order.get(choice.id, len(order))))
    (within,) = columns([question.within])
    budgets: dict[Any, list[Sized]] = {}
    for choice in chosen:
        budgets.setdefault(choice.arm[within], []).append(_sized(study, choice, within, gathered))
    for budget, arm in lost_arms(study, question, chosen):
        budgets.setdefault(budget, []).append(arm)
    budgets = {budget: of_one_network(arms) for budget, arms in budgets.items()}
    winners = best_by_budget(budgets)
    adjusted = hochberg([best.p if best else math.nan for best in winners.values()])
    several = len(winners) > 1
    claims = [
        _claim(
            study,
            question,
            budget,
            best,
            budgets[budget],
            p if several else None,
            gathered,
        )
        for (budget, best), p in zip(winners.items(), adjusted, strict=True)
    ]
    if not several:
        return claims
    return [_summary(question, winners, claims, adjusted), *claims]


WIDER = ", wider than the budget"


@dataclass(frozen=True)
class Sized:
    """An arm at a budget.

    Attributes:
        arm: its runs.
        compared: the values that tell it from the other arms of the budget.
        larger: whether it is the next width above a budget that no width fills.
        edges: the grids of which it selected an end, and the way to widen: "learning_rate upwards".
        trials: some of its trials, the same for two arms that write one network.
    """

    arm: Arm
    compared: tuple[Any, ...]
    larger: bool
    edges: tuple[str, ...] = ()
    trials: frozenset[str] = frozenset()


def lost_arms(
    study: Study, question: Select, chosen: Iterable[Chosen]
) -> Iterator[tuple[Any, Sized]]:
    """The arms of which nothing came to an end, with their budgets: nobody has beaten them.

    An arm that a scheduler stopped altogether is none of them, nor one that the space no longer
    has.
    """
    within, *keys = columns((question.within, *question.keys))
    trials = allowed(study, existing(grid(study), study.space))
    if any(name not in trials for name in (within, *keys)):
        return
    arm_columns = [within, *keys, *([SIDE] if SIDE in trials else [])]
    known = {tuple(choice.arm.get(name) for name in arm_columns) for choice in chosen}
    exist = trials[within].notna() & trials[keys].notna().any(axis=1)
    choosing_trials = trials[exist & ~is_estimating(trials)]
    for name in (question.within, *question.keys):
        (column,) = columns([name])
        values = values_of(study.space, name)
        if values:
            tried = choosing_trials[column]
            choosing_trials = choosing_trials[tried.isna() | tried.isin(values)]
    for values, rows in choosing_trials.groupby(arm_columns, sort=False, dropna=False):
        arm = {name: plain(value) for name, value in zip(arm_columns, values, strict=True)}
        stopped = (rows["status"] == TrialStatus.STOPPED).all()
        if tuple(arm.values()) in known or stopped:
            continue
        name = arm_name(arm, within, SIDE)
        lost = make_arm(name, outcomes(rows.iloc[:0], study.metric), len(rows))
        compared = tuple(value for key, value in arm.items() if key not in (within, SIDE))
        above = arm.get(SIDE) == "above"
        yield arm[within], Sized(lost, compared, above, trials=frozenset(rows["trial_id"]))


def _sized(study: Study, chosen: Chosen, within: str, gathered: Evidence) -> Sized:
    larger = chosen.arm.get(SIDE) == "above"
    name = arm_name(chosen.arm, within, SIDE) + (WIDER if larger else "")
    compared = tuple(value for key, value in chosen.arm.items() if key not in (within, SIDE))
    ends = [
        f"{key} {way}"
        for key in tuned_columns(study.space)
        if isinstance(value := chosen.configuration.get(key), int | float)
        and (way := edge(study.space, key, value))
    ]
    arm = gathered.arm(name, chosen)
    return Sized(arm, compared, larger, tuple(ends), frozenset([chosen.trial]))


def of_one_network(arms: Iterable[Sized]) -> list[Sized]:
    """Arms that write one network as one, which bears all their names.

    They have the same runs: neither could ever be shown to be ahead, and a third would have one
    rival more than there is.
    """
    merged: dict[frozenset[str], Sized] = {}
    for sized in arms:
        first = merged.get(sized.trials)
        if first is not None:
            name = f"{first.arm.name.removesuffix(WIDER)} = {sized.arm.name}"
            sized = dataclasses.replace(first, arm=dataclasses.replace(first.arm, name=name))
        merged[sized.trials] = sized
    return list(merged.values())


def arm_name(arm: Mapping[str, Any], *without: str) -> str:
    """An arm in words, by the values that are compared: "tucker dims 3"."""
    parts = [
        value_words(value) if key == "layer" else f"{key} {value_words(value)}"
        for key, value in arm.items()
        if key not in without and value is not None
    ]
    return " ".join(parts)


def best_by_budget(budgets: Mapping[Any, list[Sized]]) -> dict[Any, Winner | None]:
    """The best arm of each budget, the smallest budget first.

    Arms with equal values at all budgets are of one kind.
    """
    flat = [(budget, sized) for budget in sorted(budgets) for sized in budgets[budget]]
    arms = with_spread_of_kind(
        [sized.arm for _, sized in flat], [sized.compared for _, sized in flat]
    )
    known: dict[Any, list[Sized]] = {}
    for (budget, sized), arm in zip(flat, arms, strict=True):
        known.setdefault(budget, []).append(dataclasses.replace(sized, arm=arm))
    return {budget: best_within(sized) for budget, sized in known.items()}


def best_within(arms: list[Sized]) -> Winner | None:
    """The best of the arms within the budget; None without any, or a rival that has runs.

    It has to beat every other arm, those with few or no runs and those above the budget included,
    except the wider network of its own kind. Where the study asks for widths above the budget
    alone, these are compared.
    """
    all_larger = all(sized.larger for sized in arms)
    within = [sized for sized in arms if sized.arm.n and sized.larger == all_larger]
    if not within or len({sized.compared for sized in arms if sized.arm.n}) < 2:
        return None
    most = max(sized.arm.n for sized in within)
    able = [sized for sized in within if sized.arm.n >= most / 2]
    best = best_arm(sized.arm for sized in able)
    (kind,) = (sized.compared for sized in able if sized.arm is best)
    rivals = sorted((sized.arm for sized in able if sized.arm is not best), key=lambda a: -a.mean)
    others = [
        sized.arm for sized in arms
        if sized not in able and not (sized.larger and sized.compared == kind)
    ]  # fmt: skip
    return winner([best, *rivals], others)


def _claim(
    study: Study,
    question: Select,
    budget: Any,
    best: Winner | None,
    arms: list[Sized],
    p: float | None,
    gathered: Evidence,
) -> Claim:
    where = f"at {question.within} {value_words(budget)}"
    if best is None:
        finished = sum(sized.arm.n > 0 for sized in arms)
        reached = "finished" if finished < 2 else "lie within the budget"
        reason = f"fewer than two of {plural(len(arms), 'arm')} {reached}"
        if len(arms) == 1:
            reason = f"there is one network alone, {arms[0].arm.name}"
        elif gathered.tuned:
            reason = UNTESTED
        return Claim(f"Nothing can be said {where}: {reason}.", "cannot_say", 0)
    runs = sum(sized.arm.n for sized in arms)
    name = f"{where[0].upper()}{where[1:]}, {best.arm.name} ({best.arm.parameters:,} parameters)"
    scored = f"{points(best.arm.mean)} % {metric_words(study.metric)}"
    if best.hardest is None or not math.isfinite(best.interval.low):
        if best.arm.n < 2:
            why = "One run cannot show that it is best"
        else:
            why = best.arm.no_spread if best.hardest else "Its rivals have one run each"
        return Claim(f"{name} came out highest, {scored}. {why}.", "cannot_say", runs)
    chose = f"; best of {best.arm.candidates} settings" if best.arm.candidates > 1 else ""
    ran = f"{runs_words(best.arm, fresh=gathered.fresh)}{chose}"
    scored += f" ({ran}{held_out_words(study, best.arm.mean)})"
    claim = ranked_claim(name, scored, best, runs, p)
    return dataclasses.replace(claim, words=claim.words + _ends(arms))


def _ends(arms: list[Sized]) -> str:
    """Which arms chose the end of a grid, so that they might do better beyond it."""
    arms_by_end: dict[str, dict[str, None]] = {}
    for sized in arms:
        for end in sized.edges:
            arms_by_end.setdefault(end, {})[sized.arm.name.removesuffix(WIDER)] = None
    if not arms_by_end:
        return ""
    ends = [f"{end} ({', '.join(names)})" for end, names in arms_by_end.items()]
    return f" Some chose the end of a grid and may do better beyond it; widen {'; '.join(ends)}."


def _summary(
    question: Select, winners: dict[Any, Winner | None], claims: list[Claim], adjusted: list[float]
) -> Claim:
    """One sentence over all budgets; its verdict is "shown" if that of any budget is."""
    shown = {
        budget: best.arm.name
        for (budget, best), claim in zip(winners.items(), claims, strict=True)
        if best is not None and claim.verdict == "shown"
    }
    n = sum(claim.n for claim in claims)
    keys, within = " and ".join(question.keys), question.within
    if not shown:
        if all(claim.verdict == "cannot_say" for claim in claims):
            reason = claims[0].words.partition(": ")[2] or claims[0].words
            text = f"Nothing can be said yet of which {keys} is best at any {within}: {reason}"
            return Claim(text, "cannot_say", n)
        some = f"any of the {len(claims)} values" if len(claims) > 1 else "the one value"
        text = f"No {keys} is shown to be best at {some} of {within}."
        return Claim(text, "not_shown", n, p=_lowest(adjusted))
    words = "; ".join(
        f"{names} at {', '.join(value_words(b) for b in budgets)}"
        for names, budgets in _grouped(shown).items()
    )
    rest = len(claims) - len(shown)
    text = f"Best {keys} by {within}: {words}"
    others = f"other {rest} values" if rest > 1 else "other value"
    text += f"; none is shown to be best at the {others}." if rest else "."
    first = next(claim for claim in claims if claim.verdict == "shown")
    each = "Each" if len(shown) > 1 else "It"
    text += f" {each} is ahead of every rival (p < .05 after Hochberg's correction, n = {n} runs)."
    return dataclasses.replace(first, words=text, n=n)


def _lowest(p_values: list[float]) -> float:
    return float(pd.Series(p_values, dtype="float64").min())


def _grouped(shown: dict[Any, str]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for budget, name in shown.items():
        groups.setdefault(name, []).append(budget)
    return groups
