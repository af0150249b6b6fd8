"""How far the record of a study fulfils a plan, read without ray, torch or pandas."""

from __future__ import annotations

import contextlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean

from analysis.record.record import RecordError, read_record
from analysis.record.rows import AnyRow, EpochResult, Planned, Run, SearchRow
from analysis.record.status import TrialStatus
from search_spaces.grammar.seeds import is_choosing
from trainables.data.datasets.registry import count_dataset
from trainables.data.sources import DatasetError, count_images
from trainables.files.file_problem import file_problem
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.planning.data_request import data_request
from tune_app.planning.identity import another_study
from tune_app.planning.plan import Plan, PlannedTrial
from tune_app.preview.evidence import most_chosen, seed_spread
from tune_app.preview.speed_cache import load_speeds
from tune_app.record.history import History
from tune_app.record.lease import driver_problems
from tune_app.record.paths import study_paths

Borrow = Callable[[Plan, History, Sequence[Path]], Sequence[AnyRow]]
"""Finished trials of other studies that a plan takes over; it raises UsageError."""


@dataclass(frozen=True)
class StudyProgress:
    """How far the study of a plan has come; empty where there is none.

    Attributes:
        statuses: by trial id.
        epochs: number of finished epochs, by trial id.
        epoch_seconds: mean measured seconds of an epoch, by the network's multiply-adds per image.
        slots: how many trials ran at once in the last run.
        elsewhere: whether these two come from studies beside this one, which has not begun.
        refusals: reasons why a search would not continue with the folder: it holds another study,
            cannot be read, or is in use.
        estimating: the trials of the second stage, once the first has ended.
        spread: standard deviation between seeds, a fraction.
        borrowed: number of the finished trials that another study's record brings.
    """

    statuses: Mapping[str, TrialStatus] = field(default_factory=dict)
    epochs: Mapping[str, int] = field(default_factory=dict)
    epoch_seconds: Mapping[float, float] = field(default_factory=dict)
    slots: int = 0
    elsewhere: bool = False
    refusals: tuple[str, ...] = ()
    estimating: tuple[PlannedTrial, ...] = ()
    spread: float | None = None
    borrowed: int = 0

    def counts(self, plan: Plan) -> Counter[TrialStatus]:
        """The planned trials that have begun, by status."""
        trials = (*plan.trials, *self.estimating)
        statuses = (self.statuses.get(trial.trial_id, TrialStatus.NEVER_RAN) for trial in trials)
        return Counter(status for status in statuses if status != TrialStatus.NEVER_RAN)

    def remaining(self, plan: Plan) -> list[tuple[PlannedTrial, int]]:
        """The trials that would still run, with the number of epochs that each needs."""
        return [
            (trial, trial.config.epochs - self.epochs.get(trial.trial_id, 0))
            for trial in (*plan.trials, *self.estimating)
            if not self.statuses.get(trial.trial_id, TrialStatus.NEVER_RAN).is_final
        ]

    def slot_seconds(self, plan: Plan) -> float | None:
        """The remaining time on one slot; None where nothing was measured or no trial is listed.

        An epoch is assumed to take as long as with the measured network nearest in multiply-adds,
        and longer in proportion for a larger network. A second stage that is not chosen yet is
        assumed to have the most possible runs, each with the first stage's mean duration.
        """
        if not (self.epoch_seconds and plan.trials):
            return None
        total = sum(epochs * self._seconds(trial) for trial, epochs in self.remaining(plan))
        if self.estimating or not plan.estimating_seeds:
            return total
        mean = fmean(trial.config.epochs * self._seconds(trial) for trial in plan.trials)
        return total + mean * most_chosen(plan) * len(plan.estimating_seeds)

    def _seconds(self, trial: PlannedTrial) -> float:
        """Seconds of one epoch of a trial."""
        macs = trial.size.macs(trial.config.images_at_once)
        nearest = min(self.epoch_seconds, key=lambda measured: abs(math.log(measured / macs)))
        return self.epoch_seconds[nearest] * max(1.0, macs / nearest)


def read_progress(plan: Plan, options: RunOptions, borrow: Borrow = lambda *_: ()) -> StudyProgress:
    """Reads the study folder and those of ``--reuse-from`` without changing them."""
    paths = study_paths(options, plan.space.name)
    in_use = driver_problems(paths.folder)
    if options.fresh or not paths.ledger.exists():
        progress = _not_begun(plan, options, in_use)
        return _with_borrowed(progress, History((), plan.rules.data), plan, options, borrow)
    try:
        rows = read_record(paths.folder, rates=False).rows
    except (RecordError, OSError) as problem:
        reason = file_problem(problem) if isinstance(problem, OSError) else str(problem)
        return _not_begun(plan, options, [reason])
    differences = another_study(paths, plan, options)
    history = History(() if differences else rows, plan.rules.data)
    progress = StudyProgress(
        epoch_seconds=_epoch_seconds(rows),
        slots=max((row.slots for row in rows if isinstance(row, Run)), default=0),
        refusals=(*differences, *in_use),
        estimating=() if differences else _estimating(plan, paths.folder, history),
        spread=seed_spread(history),
    )
    return _with_borrowed(progress, history, plan, options, borrow)


def _with_borrowed(
    progress: StudyProgress, history: History, plan: Plan, options: RunOptions, borrow: Borrow
) -> StudyProgress:
    """How far the study is, and what other studies add to its history."""
    own = {name for name, trial in history.trials.items() if trial.known}
    with contextlib.suppress(UsageError):  # whoever starts it is told
        for row in borrow(plan, history, options.reuse_from):
            history.apply(row)
    known = {name for name, trial in history.trials.items() if trial.known}
    return replace(
        progress,
        statuses={name: trial.status for name, trial in history.trials.items()},
        epochs={name: trial.epoch for name, trial in history.trials.items()},
        borrowed=len(known - own),
    )


def _estimating(plan: Plan, folder: Path, history: History) -> tuple[PlannedTrial, ...]:
    """The trials of the second stage, if the first stage has ended according to the record."""
    chosen = [
        trial
        for trial in history.trials.values()
        if trial.planned and _is_estimating(trial.planned)
    ]
    ended = plan.trials and all(history[trial.trial_id].status.is_final for trial in plan.trials)
    if not plan.estimating_seeds or not (ended or (plan.open_ended and chosen)):
        return ()
    from analysis.study.study import load_study  # imports pandas
    from tune_app.planning.second_stage import second_stage

    return second_stage(plan, load_study(folder)).trials


def _is_estimating(planned: Planned) -> bool:
    return not is_choosing(planned.config["seed"])


def _not_begun(plan: Plan, options: RunOptions, refusals: Sequence[str]) -> StudyProgress:
    """The progress of a study that has not begun, with the speed of studies beside it."""
    image_seconds, slots = load_speeds(study_paths(options, plan.space.name).folder.parent)
    images = _images(plan, options) if image_seconds else 0
    if not images:
        return StudyProgress(refusals=tuple(refusals))
    seconds = {
        macs: images * seconds_per_image for macs, seconds_per_image in image_seconds.items()
    }
    return StudyProgress(
        epoch_seconds=seconds, slots=slots, elsewhere=True, refusals=tuple(refusals)
    )


def _images(plan: Plan, options: RunOptions) -> int:
    """Number of images of an epoch; 0 where they cannot be counted yet."""
    config = next((trial.config for trial in plan.trials or plan.examples), None)
    if config is None:
        return 0
    try:
        counts = count_dataset(data_request(config.to_dict(), options))
    except DatasetError:
        return 0
    return count_images(config, counts)[1]


def _epoch_seconds(rows: Iterable[SearchRow]) -> dict[float, float]:
    macs: dict[str, float] = {}
    seconds: dict[float, list[float]] = defaultdict(list)
    for row in rows:
        if isinstance(row, Planned):
            macs[row.trial_id] = row.macs
        elif isinstance(row, EpochResult) and row.trial_id in macs:
            seconds[macs[row.trial_id]].append(row.train_seconds + row.eval_seconds)
    return {one: fmean(values) for one, values in seconds.items()}
