"""What a study's record already says about a plan, read without ray, torch or pandas."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean

from analysis.record.record import EpochResult, Planned, RecordError, Run, SearchRow, read_record
from analysis.record.status import TrialStatus
from trainables.data.datasets.registry import count_dataset
from trainables.data.sources import DatasetError, count_images
from tune_app.command.options import RunOptions
from tune_app.planning.data_request import data_request
from tune_app.planning.identity import identity_difference, study_identity
from tune_app.planning.plan import Plan, PlannedTrial
from tune_app.planning.resolution import stored_identity
from tune_app.planning.speed_cache import load_speeds
from tune_app.record.history import History
from tune_app.record.paths import study_paths


@dataclass(frozen=True)
class StudyProgress:
    """How far the study of a plan has come; empty where there is none.

    ``statuses`` and ``epochs`` (finished ones) are by trial id; ``epoch_seconds`` are mean measured
    seconds of an epoch by its network's multiply-adds per image; ``slots`` is how many trials ran
    at once the last time; where the study has not begun both are those of studies beside it, and
    ``elsewhere`` says so. ``differences`` say why the folder holds another study.
    """

    statuses: Mapping[str, TrialStatus] = field(default_factory=dict)
    epochs: Mapping[str, int] = field(default_factory=dict)
    epoch_seconds: Mapping[float, float] = field(default_factory=dict)
    slots: int = 0
    elsewhere: bool = False
    differences: tuple[str, ...] = ()

    def counts(self, plan: Plan) -> Counter[TrialStatus]:
        """The planned trials that have begun, by status."""
        found = (self.statuses.get(trial.trial_id, TrialStatus.NEVER_RAN) for trial in plan.trials)
        return Counter(status for status in found if status != TrialStatus.NEVER_RAN)

    def left(self, plan: Plan) -> list[tuple[PlannedTrial, int]]:
        """What would still run, with the epochs that each trial needs."""
        return [
            (trial, trial.config.epochs - self.epochs.get(trial.trial_id, 0))
            for trial in plan.trials
            if not self.statuses.get(trial.trial_id, TrialStatus.NEVER_RAN).is_final
        ]

    def slot_seconds(self, plan: Plan) -> float | None:
        """Time that is left on one slot; None where nothing was measured or nothing is listed.

        An epoch takes as long as it took the measured network nearest in multiply-adds, and for a
        larger one longer in proportion.
        """
        if not (self.epoch_seconds and plan.trials):
            return None
        total = 0.0
        for trial, epochs in self.left(plan):
            macs = trial.size.macs(trial.config.batch_size)
            nearest = min(self.epoch_seconds, key=lambda known: abs(math.log(known / macs)))
            total += epochs * self.epoch_seconds[nearest] * max(1.0, macs / nearest)
        return total


def read_progress(plan: Plan, options: RunOptions) -> StudyProgress:
    """Looks into the study folder; whatever is there is left as it is."""
    paths = study_paths(options, plan.space.name)
    if options.fresh:
        return _not_begun(plan, options)
    try:
        rows = read_record(paths.folder, rates=False).rows
    except (RecordError, OSError):
        return _not_begun(plan, options)
    differences = identity_difference(
        stored_identity(paths) or study_identity(plan), study_identity(plan)
    )
    history = History(rows)
    return StudyProgress(
        statuses={name: trial.status for name, trial in history.trials.items()},
        epochs={name: trial.epoch for name, trial in history.trials.items()},
        epoch_seconds=_epoch_seconds(rows),
        slots=max((row.slots for row in rows if isinstance(row, Run)), default=0),
        differences=tuple(differences),
    )


def _not_begun(plan: Plan, options: RunOptions) -> StudyProgress:
    """What studies beside it say of its speed."""
    image_seconds, slots = load_speeds(study_paths(options, plan.space.name).folder.parent)
    images = _images(plan, options) if image_seconds else 0
    if not images:
        return StudyProgress()
    seconds = {macs: images * one for macs, one in image_seconds.items()}
    return StudyProgress(epoch_seconds=seconds, slots=slots, elsewhere=True)


def _images(plan: Plan, options: RunOptions) -> int:
    """Images of an epoch; 0 where they cannot be counted yet."""
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
