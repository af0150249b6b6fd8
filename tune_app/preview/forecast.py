"""The disk space and the hours that a plan will take, as far as they can be predicted."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import humanize

from trainables.config.checkpoint_place import expected_bytes
from trainables.text.count import plural
from tune_app.planning.plan import Plan, PlannedTrial
from tune_app.preview.evidence import most_chosen
from tune_app.preview.progress import StudyProgress

RECORD_BYTES_PER_EPOCH = 1_500  # a ledger row, TensorBoard's scalars, rows of two tables
RECORD_BYTES_PER_TRIAL = 10_000  # its log, its rows, TensorBoard's HParams, its part of the report
REPORT_BYTES = 3_500_000  # the report and its figures
SLOTS = 2  # where nothing has run yet

YEAR = 365 * 24 * 3600.0  # seconds
LONGEST = 1000 * YEAR
"""Calendars end; nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Bytes that the study folder may need, and seconds of one slot where a speed is known."""

    disk_bytes: int
    slots: int = SLOTS
    slot_seconds: float | None = None
    elsewhere: bool = False  # whether the speed was measured by other studies
    images_bytes: int = 0

    def lines(self) -> list[str]:
        """The forecast as text."""
        lines = [f"forecast: at most {humanize.naturalsize(self.disk_bytes)} on disk"]
        if self.slot_seconds:
            seconds = self.slot_seconds / self.slots
            source = "as studies beside it ran" if self.elsewhere else "as its epochs ran so far"
            at_once = plural(self.slots, "trial")
            lines += [f"  about {_duration(seconds)} at {at_once} at once, {source}:"]
            lines += [f"  done on {_moment(seconds)} if started now"]
        if self.images_bytes:
            size = humanize.naturalsize(self.images_bytes)
            lines += [f"  {size} of images, which the trials of a node share"]
        return lines


def _duration(seconds: float) -> str:
    wall = timedelta(seconds=min(seconds, LONGEST))
    return humanize.precisedelta(wall, minimum_unit="minutes", format="%.0f")


def _moment(seconds: float) -> str:
    """So many seconds from now, by the clock as it will be then: it may be put forward or back."""
    end = datetime.fromtimestamp(time.time() + min(seconds, LONGEST))
    return f"{end:%A %d %B}{f' {end:%Y}' if seconds > YEAR else ''} at {end:%H:%M}"


def forecast(plan: Plan, progress: StudyProgress | None = None) -> Forecast:
    """The cost of the rest of a plan, if no trial is stopped early."""
    progress = progress or StudyProgress()
    slots = progress.slots or SLOTS
    trials = (*(plan.trials or _largest_trials(plan)), *_second_stage(plan, progress))
    checkpoints = sorted((checkpoint_bytes(trial) for trial in trials), reverse=True)
    # a stopped trial keeps its last checkpoint, a running one has the one being written too, and
    # how many are on the front is not known beforehand
    running = 2 * sum(checkpoints[:slots])
    records = sum(
        RECORD_BYTES_PER_TRIAL + trial.config.epochs * RECORD_BYTES_PER_EPOCH for trial in trials
    )
    return Forecast(
        sum(checkpoints) + running + records + REPORT_BYTES,
        slots,
        progress.slot_seconds(plan),
        progress.elsewhere,
        plan.images_bytes,
    )


def _largest_trials(plan: Plan) -> tuple[PlannedTrial, ...]:
    """As many trials as will be proposed, each as large as the largest example."""
    largest = max(plan.examples, key=checkpoint_bytes, default=None)
    return (largest,) * (plan.open_ended * len(plan.seeds)) if largest else ()


def _second_stage(plan: Plan, progress: StudyProgress) -> tuple[PlannedTrial, ...]:
    """The chosen trials; before the choice, the most there can be, each as large as the largest."""
    if progress.estimating or not plan.estimating_seeds:
        return progress.estimating
    assumed = dataclasses.replace(plan, trials=plan.trials or plan.examples)
    largest = max(assumed.trials, key=checkpoint_bytes, default=None)
    count = most_chosen(assumed) * len(plan.estimating_seeds)
    return (largest,) * count if largest else ()


def checkpoint_bytes(trial: PlannedTrial) -> int:
    """The expected size of a trial's checkpoint."""
    return expected_bytes(trial.size.parameters, trial.config.optimizer, trial.config.epochs)
