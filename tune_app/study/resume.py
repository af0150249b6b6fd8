"""Opens or continues a study: whether it is the same one, what is recorded, what is borrowed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from analysis.record.record import RecordError, read_record
from analysis.record.rows import (
    Alias,
    AnyRow,
    Ended,
    Epoch,
    Infeasible,
    Planned,
    SearchRow,
    Started,
    rows_of,
)
from analysis.record.status import TrialStatus
from trainables.architectures.budget import InfeasibleError
from trainables.architectures.resnet9 import RESNET9
from trainables.config.tables import TableError, network_as_begun
from trainables.config.torch_process import TorchProcessError
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.config.trial_id import canonical, trial_id
from trainables.data.datasets.registry import one_spelling
from trainables.files.study_folder import LEASE
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.command.schedulers import SCHEDULERS
from tune_app.planning.data_request import are_functions
from tune_app.planning.former_ids import former_ids
from tune_app.planning.identity import another_study
from tune_app.planning.plan import Plan
from tune_app.planning.rows import planned_row
from tune_app.record.history import History
from tune_app.record.lease import Lease
from tune_app.record.paths import StudyPaths, free_aside
from tune_app.record.study_document import begun_networks


def check_identity(paths: StudyPaths, plan: Plan, options: RunOptions) -> None:
    """Refuses to go on with a study that asks something else.

    Raises:
        UsageError: with every difference.
    """
    if problems := another_study(paths, plan, options):
        raise UsageError(problems)


def move_aside(paths: StudyPaths) -> Path | None:
    """Renames the study's folder, if there is one and nobody works on it; its new name."""
    if not paths.folder.exists():
        return None
    aside = free_aside(paths.folder)
    with Lease(paths.folder):
        paths.folder.rename(aside)
    (aside / LEASE).unlink(missing_ok=True)
    return aside


def entry_rows(plan: Plan, history: History, now: float) -> list[AnyRow]:
    """What a plan adds to the record: its trials, duplicates and infeasible points."""
    rows: list[AnyRow] = [
        planned_row(trial, time=now, search=plan.search)
        for trial in plan.trials
        if history[trial.trial_id].planned is None
    ]
    rows += [
        Alias(double.config, double.same_as)
        for double in plan.duplicates
        if Alias(double.config, double.same_as) not in history.aliases
        and double.own not in history.trials.keys() - {double.same_as}  # it once had its own id
    ]
    rows += [
        Infeasible(trial.config, trial.reason)
        for trial in plan.infeasible
        if Infeasible(trial.config, trial.reason) not in history.infeasible
    ]
    return rows


def missing_ends(history: History, now: float) -> list[AnyRow]:
    """Trials whose last epoch is recorded, but not their end."""
    return [
        Ended(name, trial.attempt, now, TrialStatus.FINISHED, trial.epoch)
        for name, trial in history.trials.items()
        if trial.planned is not None
        and trial.ended is None
        and trial.epoch
        and trial.epoch >= trial.planned.config["epochs"]
    ]


def to_run_again(plan: Plan, history: History) -> frozenset[str]:
    """Trials on record that this run is to take further or try once more.

    What a scheduler stopped goes on only where no scheduler stops trials now.
    """
    stays_stopped = SCHEDULERS[plan.scheduler].stops
    return frozenset(
        name
        for name, trial in history.trials.items()
        if not (trial.known or (stays_stopped and trial.status == TrialStatus.STOPPED))
    )


def borrowed_rows(plan: Plan, history: History, studies: Sequence[Path]) -> list[AnyRow]:
    """Finished trials of other studies that this one plans too, or may come to propose.

    Raises:
        UsageError: where one of the folders is no study.
    """
    rows: list[AnyRow] = []
    problems = []
    finished = {name for name, trial in history.trials.items() if trial.known}
    for folder in studies:
        try:
            source_rows = _as_named_here(_as_spelled_here(folder, plan), plan)
        except (RecordError, OSError) as problem:
            problems.append(f"--reuse-from: {problem}")
            continue
        reused = _reusable_ids(plan, source_rows) - finished
        finished |= reused
        here = {name for name in history.trials if name in reused}
        rows += _of_trials(_as_written_here(source_rows, plan), reused, here)
    if problems:
        raise UsageError(problems)
    return rows


def _as_spelled_here(folder: Path, plan: Plan) -> Sequence[SearchRow]:
    """The rows of another study, its networks and functions of images as the plan writes them."""
    rows = read_record(folder).rows
    begun_networks(StudyPaths(folder))  # whose tables are known from here on
    respelled = {row.trial_id: _respelled(row, plan) for row in rows_of(rows, Planned)}
    return [
        respelled[row.trial_id]
        if isinstance(row, Planned)
        else msgspec.structs.replace(row, trial_id=respelled[row.trial_id].trial_id)
        if isinstance(row, Started | Epoch | Ended) and row.trial_id in respelled
        else row
        for row in rows
    ]


def _respelled(row: Planned, plan: Plan) -> Planned:
    keys = {**row.config, **dict(_spellings(row.config, plan))}
    if keys == row.config:
        return row
    with contextlib.suppress(ConfigError, InfeasibleError, TorchProcessError):
        before, after = (TrainConfig.from_trial(one) for one in (row.config, keys))
        former, present = (canonical(one, plan.rules.data) for one in (before, after))
        size = before.network_size()
        if row.trial_id in (trial_id(before, size), trial_id(former, size)):
            name = trial_id(present, present.network_size())
            return msgspec.structs.replace(row, trial_id=name, config=after.to_dict())
    return row


def _spellings(config: Mapping[str, Any], plan: Plan) -> Iterator[tuple[str, str]]:
    """The key and the plan's spelling of what a configuration on record spells otherwise."""
    dataset, digest = plan.space.fixed.get("dataset"), config.get("data_digest")
    recorded = str(config.get("dataset"))
    same = digest and digest == plan.rules.resolved.get("data_digest")
    if same and (are_functions(dataset, recorded) or one_spelling(recorded) == dataset):
        yield "dataset", str(dataset)
    key, network = plan.space.keys.get("network"), str(config.get("network", RESNET9))
    names = key.domain.grid if key else (plan.space.fixed.get("network", RESNET9),)
    sizes = {name: int(config[name]) for name in ("image_size", "classes")}
    for name in map(str, names if network != RESNET9 else ()):
        with contextlib.suppress(TableError):
            if network_as_begun(name, [network], **sizes) == network:
                yield "network", name


def _as_named_here(rows: Sequence[SearchRow], plan: Plan) -> Sequence[SearchRow]:
    """The rows of another study, its trials of former ids under those that they have here."""
    former = former_ids(rows_of(rows, Planned), plan.rules.data)
    names = {trial.trial_id: name for name, trial in former.items()}
    names |= {name: trial.trial_id for name, trial in plan.rules.former.items()}
    return [
        msgspec.structs.replace(row, trial_id=names[row.trial_id])
        if isinstance(row, Planned | Started | Epoch | Ended) and row.trial_id in names
        else row
        for row in rows
    ]


def _as_written_here(rows: Sequence[SearchRow], plan: Plan) -> Iterator[SearchRow]:
    """The rows of another study, its configurations as this plan writes those of equal id.

    Both train the same; written otherwise (a size by another key, a key that does not count here)
    they would be another configuration to whoever reads the study.
    """
    configs = {trial.trial_id: trial.config for trial in plan.trials}
    for row in rows:
        if isinstance(row, Planned) and row.trial_id in configs:
            row = msgspec.structs.replace(row, config=configs[row.trial_id].to_dict())
        yield row


def _reusable_ids(plan: Plan, rows: Iterable[SearchRow]) -> set[str]:
    history = History(rows)
    finished = {name for name, trial in history.trials.items() if trial.known and trial.planned}
    if not plan.open_ended:
        return finished & {trial.trial_id for trial in plan.trials}
    from tune_app.deciding.optuna_search import point_of  # imports optuna

    return {
        name
        for name in finished
        if (row := history[name].planned) and point_of(plan, row) is not None
    }


def _of_trials(rows: Iterable[SearchRow], trial_ids: set[str], planned: set[str]) -> list[AnyRow]:
    """The rows about some trials; without the first where the trial is planned here already."""
    selected: list[AnyRow] = []
    for row in rows:
        if not isinstance(row, Planned | Started | Epoch | Ended) or row.trial_id not in trial_ids:
            continue
        if not (isinstance(row, Planned) and row.trial_id in planned):
            selected.append(row)
    return selected
