"""Whether the points that can run answer the space's questions: a limit may take away an arm."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from search_spaces.grammar.answerable import LEAST_SIZES
from search_spaces.grammar.question import Carry, Contrast, Question, Select, Smallest, Trend
from search_spaces.grammar.space import SearchSpace
from trainables.architectures.budget import InfeasibleError
from trainables.config.train_config import ConfigError, TrainConfig
from tune_app.command.errors import UsageError
from tune_app.planning.parsed_point import (
    Duplicate,
    PlannedTrial,
    PointRules,
    Rejected,
    configure,
)


@dataclass(frozen=True, slots=True)
class Point:
    """One network that can run, or could under another limit; a key that does not apply is absent.

    Written in two ways it is two points: both families are compared on the one trial.
    """

    values: Mapping[str, Any]
    parameters: float
    macs: float


def answerable(
    space: SearchSpace,
    trials: Sequence[PlannedTrial],
    duplicates: Sequence[Duplicate],
    refused: Sequence[Rejected],
    rules: PointRules,
) -> tuple[SearchSpace, list[str]]:
    """The space with the questions that what can run answers, and why the others are not asked.

    Raises:
        UsageError: where an arm of a contrast cannot run: the other would train for nothing.
    """
    if not (trials and refused):
        return space, []
    configs = [trial.config for trial in trials]
    configs += [configure(duplicate.config, rules) for duplicate in duplicates]
    points = [_point(space, config) for config in configs]
    lost = _unanswerable(space, points, refused, rules)
    contrasts = [
        f"its question ({question.kind}) {why}"
        for question, why in lost.items()
        if isinstance(question, Contrast)
    ]
    if contrasts:
        raise UsageError(contrasts)
    answerable_questions = tuple(question for question in space.questions if question not in lost)
    notes = [
        f"its question ({question.kind}) is not asked: it {why}" for question, why in lost.items()
    ]
    return dataclasses.replace(space, questions=answerable_questions), notes


def _unanswerable(
    space: SearchSpace,
    points: Sequence[Point],
    refused: Sequence[Rejected],
    rules: PointRules,
) -> dict[Question, str]:
    """The questions that what can run leaves unanswered, why, and the ways out."""
    reasons_by_question = {}
    for question in space.questions:
        for words, needed in _shortfalls(question, points):
            reasons = [rejected.reason for rejected in refused if _has(rejected.config, needed)]
            if reasons:  # else the design lacks it, which is reported elsewhere
                ways = [
                    *_raised(space, question, points, refused, rules),
                    *_left_out(space, needed),
                ]
                advice = f"; {', or '.join(ways)}" if ways else ""
                reasons_by_question[question] = f"{words}: {reasons[0]}{advice}"
                break
    return reasons_by_question


Shortfall = tuple[str, Mapping[str, Any]]
"""What a question lacks, in words, and the values that it needs a network of."""


def _shortfalls(question: Question, points: Sequence[Point]) -> Iterator[Shortfall]:
    """What keeps the points from answering the question; empty where they can."""
    match question:
        case Contrast():
            yield from _contrast(question, points)
        case Select():
            yield from _select(question, points)
        case Carry():
            yield from _carry(question, points)
        case Trend():
            yield from _trend(points)
        case Smallest():
            yield from _smallest(question, points)
        case _:
            assert_never(question)


def _contrast(question: Contrast, points: Sequence[Point]) -> Iterator[Shortfall]:
    key, baseline, treatment = question.key, question.baseline, question.treatment
    for value in (baseline, treatment):
        if not any(_has(point.values, {key: value}) for point in points):
            words = f"compares {key}={baseline} with {treatment}, and {value} cannot run"
            yield words, {key: value}


def _select(question: Select, points: Sequence[Point]) -> Iterator[Shortfall]:
    arms: dict[Any, set[tuple]] = defaultdict(set)
    for point in points:
        arm = tuple(point.values.get(name) for name in question.keys)
        if any(value is not None for value in arm):
            arms[point.values.get(question.within)].add(arm)
    if max(map(len, arms.values()), default=0) < 2:
        keys = " and ".join(question.keys)
        yield f"compares {keys} within {question.within}, and one alone can run", {}


def _carry(question: Carry, points: Sequence[Point]) -> Iterator[Shortfall]:
    if len({point.values.get(question.treatment) for point in points}) < 2:
        yield f"compares {question.treatment}, and one value alone can run", {}
    if len(_sizes(points)) < 2:
        yield f"carries {question.key} over networks, and one alone can run", {}


def _trend(points: Sequence[Point]) -> Iterator[Shortfall]:
    sizes = len(_sizes(points))
    if sizes < LEAST_SIZES:
        yield f"needs networks of {LEAST_SIZES} sizes, and {sizes} can run", {}


def _smallest(question: Smallest, points: Sequence[Point]) -> Iterator[Shortfall]:
    references = [point.parameters for point in points if _has(point.values, question.reference)]
    named = ", ".join(f"{name}={value}" for name, value in question.reference.items())
    if not references:
        yield f"measures against {named}, which cannot run", question.reference
    elif max(references) <= min(_sizes(points)):
        yield f"asks for a network smaller than {named}, and none can run", {}


def _sizes(points: Sequence[Point]) -> set[float]:
    """The different numbers of parameters."""
    return {point.parameters for point in points}


def _has(point: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    return all(point.get(name) == value for name, value in values.items())


def _raised(
    space: SearchSpace,
    question: Question,
    points: Sequence[Point],
    refused: Sequence[Rejected],
    rules: PointRules,
) -> Iterator[str]:
    """The least limits under which the question can be answered."""
    more = sorted(_sized(space, refused, rules), key=lambda point: (point.parameters, point.macs))

    def answers(count: int) -> bool:
        return not any(_shortfalls(question, [*points, *more[:count]]))

    counts = range(len(more) + 1)
    count = bisect_left(counts, True, key=answers)
    if count == len(counts):
        return
    for flag, limit, sizes in (
        ("--max-parameters", rules.max_parameters, [point.parameters for point in more[:count]]),
        ("--max-macs", rules.max_macs, [point.macs for point in more[:count]]),
    ):
        if limit is not None and max(sizes) > limit:
            yield f"raise {flag} to {math.ceil(max(sizes))}"


def _sized(space: SearchSpace, refused: Sequence[Rejected], rules: PointRules) -> Iterator[Point]:
    """Those of which there are networks; where no network fills a budget there is none."""
    for rejected in refused:
        with contextlib.suppress(ConfigError, InfeasibleError):
            yield _point(space, configure(rejected.config, rules))


def _point(space: SearchSpace, config: TrainConfig) -> Point:
    size = config.network_size()
    values = config.to_dict()
    idle = {name for name, key in space.keys.items() if not key.applies(values)}
    applied = {name: value for name, value in values.items() if name not in idle}
    return Point(applied, size.parameters, size.macs(config.images_at_once))


def _left_out(space: SearchSpace, needed: Mapping[str, Any]) -> Iterator[str]:
    """How to search without the values, so that the question is not asked."""
    for name, value in needed.items():
        grid = space.keys[name].domain.grid if name in space.keys else ()
        other_values = [other for other in grid if other != value]
        if other_values:
            yield f"leave the question out with --set {name}={','.join(map(str, other_values))}"
            return
