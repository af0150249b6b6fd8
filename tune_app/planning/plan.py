"""The plan: everything that can be known before a trial takes a device."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from search_spaces.grammar.domains import Scalar
from search_spaces.grammar.space import SearchSpace
from trainables.config.train_config import TrainConfig, table_texts
from trainables.data.datasets.registry import count_dataset, data_notes
from trainables.data.sources import DataCounts, packed_bytes
from trainables.training.idle_keys import idle_notes
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.command.schedulers import SCHEDULERS
from tune_app.command.searchers import SEARCHERS, Points
from tune_app.planning.answerable_plan import answerable
from tune_app.planning.data_request import data_request
from tune_app.planning.enumeration import (
    ParsedPoint,
    check_choices,
    check_scheduler,
    expand,
    proposals,
)
from tune_app.planning.former_ids import FormerId, stored_former_ids
from tune_app.planning.horizon import Horizon, plan_horizon
from tune_app.planning.idle_objectives import idle_objectives
from tune_app.planning.parsed_point import (
    Duplicate,
    PlannedTrial,
    PointRules,
    Rejected,
    classify_point,
)
from tune_app.planning.resolution import resolve_open_values
from tune_app.planning.resolved_space import ResolvedSpace, apply_overrides, data_as_begun
from tune_app.planning.rewritten import space_in_resolved_values
from tune_app.record.paths import study_paths
from tune_app.record.study_document import begun_networks

__all__ = ["Duplicate", "Plan", "PlannedTrial", "Rejected", "make_plan"]


@dataclass(frozen=True)
class Plan:
    """What a study will do.

    ``trials`` are deduplicated and in the order they will start (shuffled: ASHA lets the first
    trial at a rung through, so that an ordered grid would be judged by its order). A searcher that
    proposes as it goes (Optuna) leaves ``trials`` empty and is asked for ``open_ended`` points ×
    ``seeds``, each judged by ``plan_point(whole_point(space, values, seed), rules, {})``.
    ``examples`` are some trials that it may propose, ``refused_examples`` points that cannot run.
    ``notes`` tell a person what a preset changed.

    All of these run on choosing ``seeds``. What they choose then runs on ``estimating_seeds``; the
    record says what that is, once they have ended (``second_stage``).
    """

    space: SearchSpace  # after --set, --preset and --dataset
    search: str
    scheduler: str
    trials: tuple[PlannedTrial, ...]
    duplicates: tuple[Duplicate, ...] = ()
    infeasible: tuple[Rejected, ...] = ()
    open_ended: int = 0
    examples: tuple[PlannedTrial, ...] = ()
    refused_examples: tuple[Rejected, ...] = ()
    seeds: tuple[int, ...] = (0,)
    estimating_seeds: tuple[int, ...] = ()
    rules: PointRules = field(default_factory=PointRules)
    horizon: Horizon = field(default_factory=Horizon)  # of a scheduler that stops trials
    notes: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ("val_accuracy",)
    images_bytes: int = 0  # of the images as they are trained on, once a node


def plan_configs(plan: Plan) -> Iterator[TrainConfig]:
    """Every configuration that the plan lists; of an open-ended search, its examples."""
    return (trial.config for trial in (*plan.trials, *plan.examples))


def plan_tables(plan: Plan) -> list[str]:
    """The tables of the networks that the plan may train, as ``table_texts`` writes them."""
    return table_texts(plan_configs(plan))


def make_plan(options: RunOptions, space: SearchSpace) -> Plan:
    """Everything the options ask of the space, expanded, checked and sized; starts nothing.

    Raises:
        UsageError: with every problem found.
    """
    resolved_space = apply_overrides(space, options)
    search = options.search or resolved_space.space.search
    scheduler = options.scheduler or resolved_space.space.scheduler
    try:
        check_choices(resolved_space.space, search, scheduler, options)
        resolved = resolve_open_values(resolved_space.space, options)
    except UsageError as of_search_or_data:
        valid_search = search if search in SEARCHERS else "grid"
        of_points = _problems(resolved_space, valid_search, options)
        raise UsageError([*of_search_or_data.problems, *of_points]) from of_search_or_data
    resolved_space = _as_on_record(resolved_space, resolved, options, space.name)
    images = data_request(resolved_space.space.fixed, options)
    counts = count_dataset(images)
    rules = PointRules(
        resolved,
        options.max_parameters,
        options.max_macs,
        counts.facts,
        _former_ids(options, space, counts),
    )
    points = expand(resolved_space, search, options, rules)
    check_scheduler(scheduler, points)
    configs = [config for _, config in points]
    horizon = plan_horizon(resolved_space.space, configs, options, scheduler)
    trials, duplicates, infeasible = sort_points(points, rules)
    answerable_space, not_asked = answerable(
        resolved_space.space, trials, duplicates, infeasible, rules
    )
    Random(options.search_seed).shuffle(trials)
    plan = Plan(
        space=answerable_space,
        search=search,
        scheduler=scheduler,
        trials=tuple(trials),
        duplicates=tuple(duplicates),
        infeasible=tuple(infeasible),
        seeds=resolved_space.seeds,
        estimating_seeds=resolved_space.estimating_seeds,
        rules=rules,
        horizon=horizon,
        objectives=options.objective,
        notes=(
            *resolved_space.notes,
            *not_asked,
            *([horizon.words(scheduler)] if SCHEDULERS[scheduler].stops else []),
            *_narrowed(configs),
            *idle_notes({*resolved_space.space.fixed, *options.settings}, configs, counts),
            *idle_objectives(options.objective, search, scheduler),
            *data_notes(images),
        ),
        images_bytes=packed_bytes(counts.train_images + counts.test_images, images.image_size),
    )
    if SEARCHERS[search].points is Points.PROPOSED:
        return _opened(plan, proposals(resolved_space.space, options))
    return plan


def _as_on_record(
    resolved_space: ResolvedSpace, resolved: Mapping[str, Scalar], options: RunOptions, name: str
) -> ResolvedSpace:
    """The same space, its values as the study of that name has them, if it has begun."""
    begun = [] if options.fresh else begun_networks(study_paths(options, name))
    space = data_as_begun(resolved_space.space, resolved, options, name)
    space = space_in_resolved_values(space, resolved, begun)
    return dataclasses.replace(resolved_space, space=space)


def _former_ids(
    options: RunOptions, space: SearchSpace, counts: DataCounts
) -> Mapping[str, FormerId]:
    """The trials of the study that is gone on with that have ids of before."""
    if options.fresh:
        return {}
    return stored_former_ids(study_paths(options, space.name), counts.facts)


def _problems(space: ResolvedSpace, search: str, options: RunOptions) -> Iterable[str]:
    """What is wrong with the points, whatever the images are."""
    try:
        expand(space, search, options, PointRules())
    except UsageError as problem:
        return problem.problems
    return ()


def _narrowed(configs: Iterable[TrainConfig]) -> list[str]:
    layers = dict.fromkeys(config.layer for config in configs if config.budget_side != "within")
    if not layers:
        return []
    return [
        f"{' and '.join(layers)}: where no width fills a budget, the one below and the one above "
        "it run, and a claim holds against the larger"
    ]


def _opened(plan: Plan, points: int) -> Plan:
    """The same plan for a searcher that proposes; the sized trials are examples."""
    return dataclasses.replace(
        plan,
        trials=(),
        duplicates=(),
        infeasible=(),
        open_ended=points,
        examples=plan.trials,
        refused_examples=plan.infeasible,
    )


def sort_points(
    points: Iterable[ParsedPoint], rules: PointRules
) -> tuple[list[PlannedTrial], list[Duplicate], list[Rejected]]:
    """Trials, duplicates and infeasible points; of equal points the first is the trial."""
    trials: list[PlannedTrial] = []
    id_of_name: dict[str, str] = {}
    duplicates: list[Duplicate] = []
    infeasible: list[Rejected] = []
    for point, config in points:
        match classify_point(point, config, rules, id_of_name):
            case PlannedTrial() as trial:
                trials.append(trial)
                id_of_name |= trial.names
            case Duplicate() as duplicate:
                duplicates.append(duplicate)
            case Rejected() as rejected:
                infeasible.append(rejected)
    return trials, duplicates, infeasible
