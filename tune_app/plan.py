"""The plan: everything that can be known before a trial takes a device."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from search_spaces.grid import Point, grid_points, gridless_keys
from search_spaces.space import SearchSpace
from trainables.config import ConfigError
from tune_app.choices import SCHEDULES, SEARCHES, STOPPING
from tune_app.errors import WrongUse, unknown
from tune_app.options import RunOptions
from tune_app.points import (
    Duplicate,
    PlannedTrial,
    PointRules,
    Rejected,
    configure,
    place,
    whole_point,
)
from tune_app.resolution import resolve_open_values
from tune_app.sampling import corner_points, random_points
from tune_app.settings import Settled, settle

__all__ = ["Duplicate", "Plan", "PlannedTrial", "Rejected", "make_plan"]

PROBES = 64
"""Random points checked beforehand where a searcher proposes as it goes."""


@dataclass(frozen=True)
class Plan:
    """What a study will do.

    ``trials`` are deduplicated and in the order they will start (shuffled: ASHA lets the first trial
    at a rung through, so that an ordered grid would be judged by its order). A searcher that proposes
    as it goes (Optuna) leaves ``trials`` empty and is asked for ``open_ended`` points × ``seeds``,
    each judged by ``points.plan_point(whole_point(space, values, seed), rules, known)``.
    ``notes`` tell a person what a preset changed.
    """

    space: SearchSpace  # after --set, --preset and --dataset
    search: str
    scheduler: str
    trials: tuple[PlannedTrial, ...]
    duplicates: tuple[Duplicate, ...] = ()
    infeasible: tuple[Rejected, ...] = ()
    open_ended: int = 0
    seeds: tuple[int, ...] = (0,)
    rules: PointRules = field(default_factory=PointRules)
    notes: tuple[str, ...] = ()


def make_plan(options: RunOptions, space: SearchSpace) -> Plan:
    """Everything the options ask of the space, expanded, checked and sized; starts nothing.

    Raises:
        WrongUse: with every problem found.
    """
    settled = settle(space, options)
    search = options.search or settled.space.search
    scheduler = options.scheduler or settled.space.scheduler
    problems = _choice_problems(settled.space, search, scheduler, options)
    if problems:
        raise WrongUse(problems)
    rules = PointRules(
        resolve_open_values(settled.space, options), options.max_parameters, options.max_macs
    )
    points = _points(settled.space, search, options)
    whole = _sound(settled, points, rules, scheduler)
    open_ended = _samples(settled.space, options) if search == "optuna" else 0
    judged = [] if open_ended else _judge(whole, rules)
    trials = [one for one in judged if isinstance(one, PlannedTrial)]
    Random(options.search_seed).shuffle(trials)
    return Plan(
        settled.space,
        search,
        scheduler,
        tuple(trials),
        tuple(one for one in judged if isinstance(one, Duplicate)),
        tuple(one for one in judged if isinstance(one, Rejected)),
        open_ended,
        settled.seeds,
        rules,
        settled.notes,
    )


def _samples(space: SearchSpace, options: RunOptions) -> int:
    return options.num_samples or space.num_samples


def _choice_problems(
    space: SearchSpace, search: str, scheduler: str, options: RunOptions
) -> list[str]:
    problems = []
    if search not in SEARCHES:
        problems.append(unknown("search", search, SEARCHES))
    if scheduler not in SCHEDULES:
        problems.append(unknown("scheduler", scheduler, SCHEDULES))
    if search == "grid":
        problems += [
            f"--search grid needs grid points, key {name!r} of space {space.name!r} has none: "
            f"--set {name}=A,B,… gives some, --search random draws within its bounds"
            for name in gridless_keys(space)
        ]
        if options.num_samples is not None:
            problems.append(
                "--num-samples is for --search random or optuna; a grid has the points it has"
            )
    return problems


def _points(space: SearchSpace, search: str, options: RunOptions) -> list[Point]:
    """The points of a listed search; what an open-ended one is checked at beforehand."""
    if search == "grid":
        return list(grid_points(space))
    corners = corner_points(space)
    if search == "random":
        return random_points(space, _samples(space, options), options.search_seed)
    return corners + random_points(space, PROBES, options.search_seed)


def _sound(
    settled: Settled, points: Iterable[Point], rules: PointRules, scheduler: str
) -> list[tuple[dict[str, Any], Any]]:
    """Each whole point beside its configuration; refuses all of them if one is wrong."""
    sound, wrong = [], {}
    for values in points:
        for seed in settled.seeds:
            point = whole_point(settled.space, values, seed)
            try:
                config = configure(point, rules)
            except ConfigError as error:
                wrong.update(dict.fromkeys(error.problems))
                continue
            if config.validation_images == 0 and scheduler in STOPPING:
                wrong[_blind(scheduler)] = None
            sound.append((point, config))
    if wrong:
        raise WrongUse(wrong)
    return sound


def _blind(scheduler: str) -> str:
    return (
        f"scheduler {scheduler!r} judges trials on validation images, validation_images=0 holds out none "
        "(the test set is read once, after the last epoch): use --scheduler none, or hold some out"
    )


def _judge(
    whole: Iterable[tuple[dict[str, Any], Any]], rules: PointRules
) -> list[PlannedTrial | Duplicate | Rejected]:
    judged, known = [], set()
    for point, config in whole:
        one = place(point, config, rules, known)
        if isinstance(one, PlannedTrial):
            known.add(one.trial_id)
        judged.append(one)
    return judged
