"""What the planned runs can show of each question, and why they can show nothing of some."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from analysis.statistics.least_lead import LEVEL, smallest_lead
from analysis.study.size_steps import size_step
from search_spaces.grammar.question import (
    GENERALISES,
    Carry,
    Contrast,
    Question,
    Select,
    Smallest,
    Trend,
)
from trainables.config.train_config import BY_SEED
from trainables.sizes.size_keys import EQUAL_SIZE
from trainables.text.count import plural
from tune_app.planning.plan import Plan, plan_configs
from tune_app.preview.pairs import Point, changes_network, listed_points, pairs_by_family


def promise_lines(plan: Plan, spread: float | None = None) -> list[str]:
    """The lead that each question can show; for a space without questions, that of the best.

    ``spread`` is the standard deviation between seeds on record, a fraction.
    """
    points = listed_points(plan)
    questions: Sequence[Question | None] = plan.space.questions or (None,)
    sentences = [_can_show(plan, question, points, spread) for question in questions]
    if not points:  # proposed one by one: what will be compared is not known
        leads = ("contrast: a lead", "select: a lead")
        sentences = [
            f"{sentence}, of one pair that the search proposes"
            if sentence.startswith(leads)
            else sentence
            for sentence in sentences
        ]
    return [f"what they can show, in four of five studies: {sentences[0]}", *sentences[1:]]


def _can_show(
    plan: Plan, question: Question | None, points: list[Point], spread: float | None
) -> str:
    match question:
        case Contrast():
            return _contrast(plan, question, points, spread)
        case Select():
            return _select(plan, question, points, spread)
        case Carry():
            return _carry(plan, question, points, spread)
        case Smallest():
            return _smallest(plan, question, points, spread)
        case Trend():
            return (
                "trend: an exponent; its interval is narrower the faster accuracy falls away from "
                "the best value"
            )
        case None:
            return _best(plan, points, spread)


def _contrast(plan: Plan, question: Contrast, points: list[Point], spread: float | None) -> str:
    fresh = _is_estimated(plan)
    runs = len(plan.estimating_seeds if fresh else plan.seeds)
    if runs < 2:
        return _one_run("contrast", fresh=fresh)
    pairs = pairs_by_family(plan, question, points)
    if points and not pairs:
        return f"contrast: nothing, since {_unpaired(question)}"
    families = len(pairs) if question.key != "layer" else 1
    alone = 1 < families < GENERALISES
    blocks = min(pairs.values()) if alone else max(1, pairs.total())
    lead = smallest_lead(
        runs,
        blocks,
        units=tuple(sorted(pairs.values())) if families >= GENERALISES else None,
        level=LEVEL / families if alone else LEVEL,
        paired=_by_seed(plan),
    )
    where = f" in any of {families} families, each judged alone" if alone else ""
    return f"contrast: a lead of {_size(lead, spread)}{_over(blocks, 'architecture')}{where}"


def _unpaired(question: Contrast) -> str:
    if changes_network(question):
        return (
            f"no two different networks of equal size (within {EQUAL_SIZE:.0%}) differ in"
            f" {question.key} alone; sizes by compression= or parameters= are equal"
        )
    return (
        f"no network runs with both {question.key}={question.baseline} and {question.treatment} and"
        " all else equal; let each run with both"
    )


def _select(plan: Plan, question: Select, points: list[Point], spread: float | None) -> str:
    budgets = arms_within(question, points)
    if points and max(map(len, budgets.values()), default=0) < 2:
        keys = " and ".join(question.keys)
        return (
            f"select: nothing, since no {question.within} has two values of {keys} that write"
            f" different networks; give one {question.within} several"
        )
    seeds = len(plan.estimating_seeds)
    if seeds < 2:
        return _one_run("select", fresh=True)
    several = [len(arms) - 1 for arms in budgets.values() if len(arms) > 1] or [1]
    # where one budget alone has a lead, Hochberg's correction asks this of it
    level = LEVEL / len(several)
    rivals = max(several)
    lead = smallest_lead(seeds, rivals=rivals, level=level, paired=_by_seed(plan))
    where = f" at any of {len(several)} values of {question.within}" if len(several) > 1 else ""
    return f"select: a lead of {_size(lead, spread)}{_over(rivals, 'rival')}{where}"


def arms_within(question: Select, points: Iterable[Point]) -> dict[Any, set[frozenset[str]]]:
    """The trials of each arm at each value of ``within``; arms of one network are one."""
    arms: dict[Any, dict[tuple, set[str]]] = defaultdict(lambda: defaultdict(set))
    for point in points:
        within = point.values.get(question.within)
        arm = tuple(point.values.get(name) for name in question.keys)
        if within is not None and any(value is not None for value in arm):
            arms[within][arm].add(point.trial)
    return {within: {*map(frozenset, found.values())} for within, found in arms.items()}


def _carry(plan: Plan, question: Carry, points: list[Point], spread: float | None) -> str:
    if points and len({point.values.get(question.key) for point in points}) < 2:
        return f"carry: nothing, since all runs have one {question.key}; give it several values"
    seeds = len(plan.estimating_seeds)
    if seeds < 2:
        return _one_run("carry", fresh=True)
    names = [name for name in plan.space.scientific_keys if name != question.treatment]
    # the same runs may be written in two ways
    trials: dict[tuple, set[str]] = defaultdict(set)
    for point in points:
        trials[tuple(map(point.values.get, names))].add(point.trial)
    blocks = max(1, len({*map(frozenset, trials.values())}))
    # the cost is that on these architectures, however many they are
    lead = smallest_lead(seeds, blocks, units=(blocks,), paired=_by_seed(plan))
    return f"carry: a cost of {_size(lead, spread)}{_over(blocks, 'architecture')}"


def _smallest(plan: Plan, question: Smallest, points: list[Point], spread: float | None) -> str:
    reference = question.reference.items()
    largest = max(
        (
            point.parameters
            for point in points
            if all(point.values.get(name) == value for name, value in reference)
        ),
        default=math.inf,
    )
    small = [point.parameters for point in points if point.parameters < largest]
    if points and not small:
        return "smallest: nothing, since no network is smaller than the reference; list some"
    seeds = len(plan.estimating_seeds)
    if seeds < 2:
        return _one_run("smallest", fresh=True)
    tried = max(1, len({size_step(size) for size in small}))
    lead = smallest_lead(seeds, level=LEVEL / tried, paired=_by_seed(plan))
    return f"smallest: a loss that is below the margin by {_size(lead, spread)}"


def _best(plan: Plan, points: list[Point], spread: float | None) -> str:
    # the best alone runs on fresh seeds: how far it is ahead, the seeds that chose it tell
    seeds = len(plan.seeds)
    if seeds < 2:
        return _one_run("best", fresh=False)
    count = len({frozenset({**point.values, "seed": None}.items()) for point in points})
    if count == 1:
        return "best: nothing, since one configuration has no rival; give a key several values"
    rivals = max(1, (count or plan.open_ended) - 1)
    lead = smallest_lead(seeds, rivals=rivals, paired=_by_seed(plan))
    return f"best: a lead of {_size(lead, spread)}{_over(rivals, 'rival')}"


def _is_estimated(plan: Plan) -> bool:
    """Whether what a contrast compares runs on estimating seeds: it was chosen, or is an arm."""
    space = plan.space
    chosen = any(key.role in ("nuisance", "carried") for key in space.keys.values())
    every_arm = any(
        isinstance(question, Select) and {*space.keys} <= {question.within, *question.keys}
        for question in space.questions
    )
    return chosen or every_arm or plan.scheduler != "none"


def _by_seed(plan: Plan) -> bool:
    """Whether each seed holds out images of its own, so that runs are compared seed by seed."""
    return any(config.data_seed == BY_SEED for config in plan_configs(plan))


def _one_run(kind: str, *, fresh: bool) -> str:
    option = "--estimating-seeds" if fresh else "--seeds"
    return f"{kind}: nothing, since one run of each says nothing about chance; {option} 3 or more"


def _over(count: int, noun: str) -> str:
    return f" over {plural(count, noun)}" if count > 1 else ""


def _size(lead: float, spread: float | None) -> str:
    """A lead as text, also in percentage points where the spread is on record."""
    text = f"{lead:.2g} standard deviations between seeds"
    if spread:
        text += f" ({100 * lead * spread:.2g} points at the {100 * spread:.2g} on record)"
    return text
