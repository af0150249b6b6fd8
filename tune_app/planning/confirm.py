"""The best of a study once more: fresh seeds, all training images, the test set read once."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

from analysis.record.record import RecordError, read_record
from analysis.record.status import TrialStatus
from search_spaces.grammar.domains import Choice
from search_spaces.grammar.space import SearchSpace
from trainables.config.train_config import TrainConfig, trial_id
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.planning.parsed_point import PlannedTrial, PointRules
from tune_app.planning.plan import Plan
from tune_app.planning.present_names import space_in_present_names
from tune_app.planning.resolution import stored_resolution
from tune_app.record.history import History, TrialHistory
from tune_app.record.paths import StudyPaths, study_paths

ALL_IMAGES: Mapping[str, Any] = {"train_images": None, "validation_images": 0}
"""What sets a confirmation apart: every training image, and the test set for held-out ones."""


def confirm_options(options: RunOptions, space: SearchSpace) -> RunOptions:
    """The same run under the name of its confirmation, ``<name>-confirm``."""
    return dataclasses.replace(options, name=f"{options.name or space.name}-confirm")


def make_confirm_plan(options: RunOptions, space: SearchSpace) -> Plan:
    """The ``options.top`` best configurations of a study, each on ``options.confirm`` fresh seeds.

    The study is the one that the same options without ``confirm`` search. Best is the mean
    validation accuracy of the last epoch over a configuration's finished seeds.

    Raises:
        UsageError: for an option that would change what is confirmed, where there is no such study,
            or where too little of it has finished.
    """
    paths = study_paths(options, space.name)
    history, problems = _history(paths), list(_misplaced(options))
    ranked = _ranked(history.trials.values())
    if len(ranked) < options.top:
        problems.append(
            f"--top {options.top}: {len(ranked)} configurations of {paths.folder} are finished "
            "and validated; run the search first, or ask for fewer"
        )
    if problems:
        raise UsageError(problems)
    best, seeds = ranked[: options.top], _fresh_seeds(history, options.confirm)
    return Plan(
        space=_confirm_space(space, best, options),
        search="grid",
        scheduler="none",
        trials=tuple(_retrained(config, seed) for seed in seeds for config in best),
        seeds=seeds,
        rules=PointRules(stored_resolution(paths)),
    )


def _misplaced(options: RunOptions) -> Iterable[str]:
    given = {
        "--set": options.settings,
        "--preset quick": options.preset == "quick",
        "--seeds": options.seeds,
        "--num-samples": options.num_samples,
        "--search": options.search,
        "--scheduler": options.scheduler,
    }
    for flag in (flag for flag, value in given.items() if value):
        yield f"{flag} shapes a search; --confirm takes a study's best as they are: leave it out"


def _history(paths: StudyPaths) -> History:
    try:
        return History(read_record(paths.folder, rates=False).rows)
    except RecordError as problem:
        raise UsageError(
            [f"--confirm retrains the best of a finished study: {problem}"]
        ) from problem


def _ranked(trials: Iterable[TrialHistory]) -> list[TrainConfig]:
    """Configurations apart from their seed, the best first; of equal ones the smaller network."""
    scores: dict[TrainConfig, list[float]] = defaultdict(list)
    sizes: dict[TrainConfig, int] = {}
    for trial in trials:
        planned, last = trial.planned, trial.last
        if (
            trial.status == TrialStatus.FINISHED
            and planned
            and last
            and last.val_accuracy is not None
        ):
            config = TrainConfig.from_trial({**planned.config, "seed": 0})
            scores[config].append(last.val_accuracy)
            sizes[config] = planned.parameters
    return sorted(scores, key=lambda config: (-fmean(scores[config]), sizes[config]))


def _fresh_seeds(history: History, count: int) -> tuple[int, ...]:
    used = [trial.planned.config["seed"] for trial in history.trials.values() if trial.planned]
    return tuple(range(max(used) + 1, max(used) + 1 + count))


def _retrained(config: TrainConfig, seed: int) -> PlannedTrial:
    retrained = config.replace(**ALL_IMAGES, seed=seed)
    size = retrained.network_size()
    return PlannedTrial(trial_id(retrained, size), retrained, size)


def _confirm_space(space: SearchSpace, best: list[TrainConfig], options: RunOptions) -> SearchSpace:
    """The searched keys narrowed to the best configurations' values; the rest as those have it."""
    space = space_in_present_names(space)
    values = [config.to_dict() for config in best]
    keys = {
        name: dataclasses.replace(key, domain=Choice(tuple({one[name]: None for one in values})))
        for name, key in space.keys.items()
    }
    common = {
        name: value
        for name, value in best[0].changed().items()
        if name not in space.keys and all(one[name] == value for one in values)
    }
    return dataclasses.replace(
        space,
        name=f"{space.name}-confirm",
        question=f"How good are the {options.top} best of {space.name} on the test set?",
        source=f"the study {options.name or space.name}: fresh seeds, all training images",
        keys=keys,
        fixed={
            name: value for name, value in {**common, **ALL_IMAGES}.items() if value is not None
        },
        questions=(),
    )
