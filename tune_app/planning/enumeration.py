"""From a space to the configurations that a search would run, all valid or all refused."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from itertools import islice
from typing import Any

from search_spaces.grammar.domains import Choice, Int
from search_spaces.grammar.grid import Point, grid_points, gridless_keys
from search_spaces.grammar.key import Key
from search_spaces.grammar.space import SearchSpace
from trainables.architectures.budget import InfeasibleError
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.sizes.registry import SIZES
from tune_app.command.errors import UsageError, unknown
from tune_app.command.options import RunOptions
from tune_app.command.schedulers import SCHEDULERS
from tune_app.command.searchers import SEARCHERS, Points
from tune_app.planning.parsed_point import PointRules, configure, whole_point
from tune_app.planning.resolved_space import ResolvedSpace
from tune_app.planning.sampling import corner_points, random_points

MOST_TRIALS = 100_000
"""Trials that are listed beforehand: a plan of so many takes a minute, and a study years."""

PROBES = 64
"""Random points that are checked before a search whose searcher proposes its own."""

ParsedPoint = tuple[dict[str, Any], TrainConfig]
"""A whole point as written, and the configuration it stands for."""


def samples(space: SearchSpace, options: RunOptions) -> int:
    """How many points a sampling search draws."""
    return options.num_samples or space.num_samples


def proposals(space: SearchSpace, options: RunOptions) -> int:
    """How many points a search that proposes is asked for: no more than the space can have."""
    return int(min(samples(space, options), math.prod(_values(key) for key in space.keys.values())))


def _values(key: Key) -> float:
    """How many values a key can take."""
    match key.domain:
        case Choice(values):
            return len(values)
        case Int(low, high):
            return high - low + 1
        case _:
            return math.inf


def check_choices(space: SearchSpace, search: str, scheduler: str, options: RunOptions) -> None:
    """Refuses searches and schedulers that do not exist or do not fit the space.

    Raises:
        UsageError: with every problem.
    """
    problems = []
    if search not in SEARCHERS:
        problems.append(unknown("search", search, SEARCHERS))
    if scheduler not in SCHEDULERS:
        problems.append(unknown("scheduler", scheduler, SCHEDULERS))
    elif SCHEDULERS[scheduler].stops and options.epochs_per_report > 1:
        problems.append(
            f"--epochs-per-report {options.epochs_per_report}: {scheduler} judges every epoch; "
            "leave one of the two out"
        )
    if search in SEARCHERS and SEARCHERS[search].points is Points.GRID:
        problems += _grid_problems(space, options)
    if problems:
        raise UsageError(problems)


def expand(
    resolved_space: ResolvedSpace, search: str, options: RunOptions, rules: PointRules
) -> list[ParsedPoint]:
    """Every point of a grid or of a random sample, each with every seed.

    For an open-ended search: the corners of the space and a sample of it, with one seed, to be
    checked alike.

    Raises:
        UsageError: with each different thing that is wrong with any of them.
    """
    valid: list[ParsedPoint] = []
    wrong: dict[str, None] = {}  # a set that keeps its order
    proposed = SEARCHERS[search].points is Points.PROPOSED
    seeds = resolved_space.seeds[:1] if proposed else resolved_space.seeds
    points = list(islice(_points(resolved_space.space, search, options), MOST_TRIALS + 1))
    if len(points) * len(seeds) > MOST_TRIALS:
        raise UsageError([_too_many(search, len(seeds))])
    for values in points:
        for seed in seeds:
            point = whole_point(resolved_space.space, values, seed)
            try:
                valid += _beside_the_budget(point, configure(point, rules))
            except ConfigError as error:
                wrong.update(dict.fromkeys(error.problems))
    if wrong:
        raise UsageError(wrong)
    return valid


def _too_many(search: str, seeds: int) -> str:
    several = f" on {seeds} seeds" if seeds > 1 else ""
    narrow = (
        "draw fewer (--num-samples N)"
        if SEARCHERS[search].points is Points.SAMPLE
        else "narrow the keys with --set KEY=A,B, or let --search random or optuna draw from "
        "them (--num-samples N)"
    )
    return f"more than {MOST_TRIALS // seeds:,} points{several} are too many to list: {narrow}"


def _beside_the_budget(point: dict[str, Any], config: TrainConfig) -> list[ParsedPoint]:
    """The point; or, where no width fills its budget, the widths next to it.

    Both run, and a claim has to hold against the larger.
    """
    has_budget = config.parameters is not None or config.compression is not None
    if not has_budget or SIZES[config.layer].ranked or config.budget_side != "within":
        return [(point, config)]
    sides = [config.with_values(budget_side=side) for side in ("below", "above")]
    try:
        config.network_size()
    except InfeasibleError:
        with contextlib.suppress(InfeasibleError):
            widths = [neighbour.network_size().width for neighbour in sides]
            if widths[0] < widths[1]:
                return [
                    ({**point, "budget_side": neighbour.budget_side}, neighbour)
                    for neighbour in sides
                ]
    return [(point, config)]


def check_scheduler(scheduler: str, points: Iterable[ParsedPoint]) -> None:
    """Refuses to stop trials early by what only the test set could tell.

    Raises:
        UsageError: where a stopping scheduler meets a trial without validation images.
    """
    # the 2018 study's protocols look at the test set after every epoch, as it did
    blind = any(
        config.validation_images == 0 and config.protocol == "corrected" for _, config in points
    )
    if SCHEDULERS[scheduler].stops and blind:
        raise UsageError(
            [
                f"scheduler {scheduler!r} judges trials by validation images and "
                "validation_images=0 holds none out (the test set is read once, after the last "
                "epoch): use --scheduler none, or hold some out"
            ]
        )


def _grid_problems(space: SearchSpace, options: RunOptions) -> Iterable[str]:
    for name in gridless_keys(space):
        yield (
            f"--search grid needs grid points, key {name!r} of space {space.name!r} has none: "
            f"--set {name}=A,B,… gives some, --search random draws within its bounds"
        )
    if options.num_samples is not None:
        yield "--num-samples is for --search random or optuna; a grid has the points it has"


def _points(space: SearchSpace, search: str, options: RunOptions) -> Iterable[Point]:
    points = SEARCHERS[search].points
    if points is Points.GRID:
        return grid_points(space)
    if points is Points.SAMPLE:
        most = min(samples(space, options), MOST_TRIALS + 1)
        return random_points(space, most, options.search_seed)
    return corner_points(space) + random_points(space, PROBES, options.search_seed)
