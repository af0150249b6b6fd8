"""Opens or continues a study: whether it is the same one, what is recorded, what is borrowed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

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
from trainables.files.study_folder import LEASE
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.command.schedulers import SCHEDULERS
from tune_app.planning.former_ids import former_ids
from tune_app.planning.identity import another_study
from tune_app.planning.plan import Plan
from tune_app.planning.rows import planned_row
from tune_app.record.history import History
from tune_app.record.lease import Lease
from tune_app.record.paths import StudyPaths, free_aside


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
            source_rows = _as_named_here(read_record(folder).rows, plan)
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
