"""A confirmation: what a study found, on fresh seeds and all training images, tested once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from analysis.record.record import RecordError, read_record
from analysis.record.rows import Planned
from analysis.record.status import TrialStatus
from analysis.study.size_steps import size_step
from search_spaces.grammar.domains import Choice, Scalar
from search_spaces.grammar.question import Question, Trend
from search_spaces.grammar.seeds import ESTIMATING_SEEDS_FROM, is_choosing
from search_spaces.grammar.space import SearchSpace
from search_spaces.grammar.space_json import space_json
from trainables.config.resolution import read_facts
from trainables.config.train_config import TrainConfig
from trainables.data.datasets.registry import count_dataset, one_spelling
from trainables.data.sources import DatasetError
from trainables.files.study_folder import CONFIRMATION
from trainables.text.count import exact_count, plural
from tune_app.command.choices import CONFIRM_CHOICES
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.planning.data_request import DATA_KEYS, are_functions, data_request
from tune_app.planning.former_ids import stored_former_ids
from tune_app.planning.parsed_point import PointRules, name_trial
from tune_app.planning.plan import Plan, sort_points
from tune_app.planning.resolution import other_content
from tune_app.planning.rewritten import space_in_present_names, space_in_resolved_values
from tune_app.planning.second_stage import chosen_configurations, within_limits
from tune_app.record.paths import StudyPaths, study_paths
from tune_app.record.study_document import stored_resolution

if TYPE_CHECKING:
    import pandas as pd

    from analysis.study.study import Study

ALL_IMAGES: Mapping[str, Any] = {"train_images": None, "validation_images": 0}
"""What sets a confirmation apart: every training image, and the test set for held-out ones."""


def confirm_options(options: RunOptions, space: SearchSpace) -> RunOptions:
    """The same run under the name of its confirmation, ``<name>-confirm``."""
    name = study_paths(options, space.name).folder.name
    return dataclasses.replace(options, name=name + CONFIRMATION, study_id=None)


def make_confirm_plan(options: RunOptions, space: SearchSpace) -> Plan:
    """Configurations of a study, each on ``options.confirm`` fresh seeds.

    The study is the one that the same options without ``confirm`` search. ``confirm_what`` says
    which configurations, ``top`` how many of them (of each size, of each family): the best, as all
    outputs of the study have it, within the limits of size.

    Raises:
        UsageError: where there is no such study, or where too little of it has finished.
    """
    paths = study_paths(options, space.name)
    resolved = stored_resolution(paths)
    space = space_in_resolved_values(space_in_present_names(space), resolved)
    study = _study(paths)
    options = _within(options, study)
    rules = _rules(options, space, study, resolved)
    chosen = list(_chosen(options, space, rules, study))
    # by its trial: what several arms chose counts once
    networks = {name_trial(config, config.network_size(), rules).trial_id for config in chosen}
    problems = _too_few(options, space, study, len(networks))
    problems += _other_dataset(options, chosen)
    problems += _other_preset(options, study)
    images = chosen[0].to_dict() if chosen else space.fixed
    problems += other_content(rules.resolved, images, options)
    if problems:
        raise UsageError(problems)
    seeds = _fresh_seeds(study, confirm_options(options, space), options.confirm)
    points = [config.with_values(**ALL_IMAGES, seed=seed) for seed in seeds for config in chosen]
    trials, duplicates, rejected = sort_points(
        ((point.to_dict(), point) for point in points), rules
    )
    return Plan(
        space=_confirm_space(space, chosen, options, study),
        search="grid",
        scheduler="none",
        trials=tuple(trials),
        duplicates=tuple(duplicates),
        infeasible=tuple(rejected),
        seeds=seeds,
        rules=rules,
    )


def _study(paths: StudyPaths) -> Study:
    from analysis.study.study import load_study  # imports pandas

    try:
        return load_study(paths.folder)
    except RecordError as problem:
        raise UsageError(
            [f"--confirm retrains the best of a finished study: {problem}"]
        ) from problem


def _within(options: RunOptions, study: Study) -> RunOptions:
    """The options with the study's limits of size, unless others are given."""
    from analysis.study.best import LIMITS  # imports pandas

    stored = study.info.get("options") or {}
    limits: dict[str, Any] = {
        name: stored.get(name) for name in LIMITS if getattr(options, name) is None
    }
    return dataclasses.replace(options, **limits)


def _rules(
    options: RunOptions, space: SearchSpace, study: Study, resolved: Mapping[str, Any]
) -> PointRules:
    """What the trials of the confirmation are judged by, and named."""
    images = {name: study.trials[name].iloc[0] for name in DATA_KEYS} if len(study.trials) else {}
    try:
        data = count_dataset(data_request(images, options)).facts
    except DatasetError:  # told where their content is compared
        data = read_facts(study.info.get("dataset"))
    begun = study_paths(confirm_options(options, space), "")
    limits = options.max_parameters, options.max_macs
    return PointRules(resolved, *limits, data, stored_former_ids(begun, data))


def _chosen(
    options: RunOptions, space: SearchSpace, rules: PointRules, study: Study
) -> Iterator[TrainConfig]:
    """The configurations that are confirmed, each with seed 0.

    What several arms of a question chose is one trial, and comes once for each of them.
    """
    from analysis.claims.choosing import configuration  # imports pandas, as do the next
    from analysis.study.configurations import grid  # pandas
    from analysis.study.replicates import replicates  # pandas

    if study.metric != "val_accuracy_last":
        return  # the test set has chosen already
    if options.confirm_what == "question":
        runs = within_limits(rules, grid(study))
        configurations: Iterable[Mapping[str, Any]] = chosen_configurations(
            space.questions, space_json(space), runs, study.metric, untuned=True
        )
    else:
        ranked = _ranked(options, within_limits(rules, replicates(study)))
        configurations = (configuration(row) for _, row in ranked.iterrows())
    for values in configurations:
        yield TrainConfig.from_trial({**values, "seed": 0})


def _ranked(options: RunOptions, replicates: pd.DataFrame) -> pd.DataFrame:
    """The configurations that are confirmed, by the study's own definition of best.

    Those that do not compete, as they were not chosen, come after those that do.
    """
    import pandas as pd  # a quarter of a second, which other plans need not wait

    from analysis.study.best import contenders  # imports pandas

    first = contenders(replicates)
    frame = pd.concat([first, contenders(replicates.drop(first.index))])
    if options.confirm_what == "sizes":
        steps = frame["parameters"].map(lambda size: size_step(float(size))[0])
        return frame.groupby(steps, sort=True).head(options.top)
    if options.confirm_what == "families":
        return frame.groupby("layer", sort=False).head(options.top)
    return frame.head(options.top)


def _too_few(options: RunOptions, space: SearchSpace, study: Study, count: int) -> list[str]:
    if count >= (options.top if options.confirm_what == "best" else 1):
        return []
    from analysis.study.best import LIMITS, least_sizes  # imports pandas

    limits = {name: most for name in LIMITS if (most := getattr(options, name)) is not None}
    within = ", ".join(
        f"--{name.replace('_', '-')} {exact_count(most)}" for name, most in limits.items()
    )
    if options.confirm_what == "question" and study.metric == "val_accuracy_last":
        return [_nothing_chosen(space, study, within)]
    option = f"--confirm-what {options.confirm_what}"
    if options.confirm_what == "best":
        option = f"--top {options.top}"
    finished = study.trials[study.trials["status"] == TrialStatus.FINISHED]
    found, verb = plural(count, "configuration"), "is" if count == 1 else "are"
    least = " and ".join(least_sizes(finished, (LIMITS[name] for name in limits)))
    least = least and f"; of what has finished the least is {least}"
    return [
        f"{option}: {found} of {study.folder} {verb} finished and validated"
        f"{f' within {within}' if within else ''}{least}; "
        f"run the search first, {'raise the limit, ' if within else ''}or ask for fewer"
    ]


def _nothing_chosen(space: SearchSpace, study: Study, within: str) -> str:
    """Why the questions have nothing to confirm."""
    text = "--confirm-what question: "
    if not space.questions:
        return f"{text}the space {space.name} states no question; leave it out"
    if not any(map(_chooses, space.questions)):
        return f"{text}a trend is fitted to all points and chooses none; leave it out"
    text += (
        f"of the networks in {study.folder}{f' within {within}' if within else ''} the questions"
    )
    text += " chose none, since not all that they compare is there with finished runs; run the"
    return f"{text} search first{', or raise the limit' if within else ''}"


def _other_preset(options: RunOptions, study: Study) -> list[str]:
    """Without --name the preset is part of the study's name."""
    trained = (study.info.get("options") or {}).get("preset")
    if options.preset == "full" or trained in (None, options.preset):
        return []
    return [f"--preset {options.preset}: the study was run with preset {trained}; leave it out"]


def _other_dataset(options: RunOptions, chosen: Iterable[TrainConfig]) -> list[str]:
    asked = options.dataset and one_spelling(options.dataset)
    others = {name for one in chosen if one_spelling(name := one.dataset) != asked}
    if not asked or not others or are_functions(asked, *others):  # other_content compares those
        return []
    trained = ", ".join(sorted(others))
    return [f"--dataset {options.dataset}: the study trains on {trained}; leave it out"]


def _fresh_seeds(study: Study, options: RunOptions, count: int) -> tuple[int, ...]:
    """Seeds that were not used before, so that their results are independent evidence.

    A confirmation that was begun with lower seeds, as all once were, goes on with them.
    """
    used = max(int(seed) for seed in study.trials["seed"])
    begun = study_paths(options, "").folder
    try:
        rows = read_record(begun, rates=False).rows
    except (RecordError, OSError):
        rows = ()
    seeds = [row.config["seed"] for row in rows if isinstance(row, Planned)]
    least = 0 if seeds and is_choosing(min(seeds)) else ESTIMATING_SEEDS_FROM
    first = max(least, used + 1)
    return tuple(range(first, first + count))


def _confirm_space(
    space: SearchSpace, best: list[TrainConfig], options: RunOptions, study: Study
) -> SearchSpace:
    """The searched keys narrowed to the best configurations' values; the rest as those have it.

    A confirmation of what the questions chose asks those again that chose anything.
    """
    values = [config.to_dict() for config in best]
    asks = options.confirm_what == "question"
    keys = {
        name: dataclasses.replace(
            key,
            # whether a chosen value lies at an end of its grid is read from what was searched
            domain=Choice(
                tuple((asks and _searched(study, name)) or {point[name]: None for point in values})
            ),
        )
        for name, key in space.keys.items()
    }
    questions = (question for question in space.questions if asks and _chooses(question))
    space = dataclasses.replace(space, questions=tuple(questions))
    common = {
        name: value
        for name, value in best[0].changed().items()
        if name not in space.keys and all(point[name] == value for point in values)
    }
    fixed = {name: value for name, value in {**common, **ALL_IMAGES}.items() if value is not None}
    what = CONFIRM_CHOICES[options.confirm_what]
    if options.top > 1:
        what = what.replace("the best", f"the {options.top} best", 1)
    verb = "is" if what in ("the best", CONFIRM_CHOICES["question"]) else "are"
    return dataclasses.replace(
        space.with_keys(keys, fixed),
        name=space.name + CONFIRMATION,
        question=f"How good {verb} {what} of {study.name} on the test set?",
        source=f"the study {study.name}: fresh seeds, all training images",
    )


def _chooses(question: Question) -> bool:
    """Whether a question chooses configurations; a trend is fitted to all points."""
    return not isinstance(question, Trend)


def _searched(study: Study, key: str) -> dict[Scalar, None]:
    """The values of a key that the study ran, lowest first."""
    from analysis.record.dtypes import RENAMED, plain  # imports pandas

    column = RENAMED.get(key, key)
    known = study.trials[column].dropna() if column in study.trials else ()
    return {plain(value): None for value in sorted(set(known))}
