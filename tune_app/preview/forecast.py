"""What a plan will cost on disk and in hours, as far as it is known beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import humanize

from tune_app.planning.plan import Plan, PlannedTrial
from tune_app.preview.progress import StudyProgress

RECORD_BYTES_PER_EPOCH = 2_000  # a ledger row and TensorBoard's scalars
RECORD_BYTES_PER_TRIAL = 20_000  # its log, its plan row, TensorBoard's HParams
REPORT_BYTES = 5_000_000
"""The report, its figures in three formats, and the tables of a study of some hundred trials."""
SLOTS = 2  # where nothing has run yet


@dataclass(frozen=True, slots=True)
class Forecast:
    """Bytes that the study folder may come to need; seconds of one slot where a speed is known."""

    disk_bytes: int
    slots: int = SLOTS
    slot_seconds: float | None = None
    elsewhere: bool = False  # the speed is that of other studies
    images_bytes: int = 0

    def lines(self) -> list[str]:
        """The forecast in words."""
        lines = [f"forecast: at most {humanize.naturalsize(self.disk_bytes)} on disk"]
        if self.slot_seconds:
            wall = timedelta(seconds=self.slot_seconds / self.slots)
            told = humanize.precisedelta(wall, minimum_unit="minutes", format="%.0f")
            source = "as studies beside it ran" if self.elsewhere else "as its epochs ran so far"
            end = datetime.now() + wall
            lines += [
                f"  about {told} at {self.slots} trials at once, {source}:",
                f"  done on {end:%A %d %B at %H:%M} if started now",
            ]
        if self.images_bytes:
            size = humanize.naturalsize(self.images_bytes)
            lines += [f"  {size} of images, which the trials of a node share"]
        return lines


def forecast(plan: Plan, progress: StudyProgress | None = None) -> Forecast:
    """The cost of what is left of a plan, if nothing is stopped early."""
    progress = progress or StudyProgress()
    slots = progress.slots or SLOTS
    trials = plan.trials or _imagined(plan)
    checkpoints = sorted((checkpoint_bytes(trial) for trial in trials), reverse=True)
    # a stopped trial keeps its last checkpoint, a running one has the one being written too, and
    # how many are on the front is not known beforehand
    kept = checkpoints
    running = 2 * sum(checkpoints[:slots])
    records = sum(
        RECORD_BYTES_PER_TRIAL + trial.config.epochs * RECORD_BYTES_PER_EPOCH for trial in trials
    )
    return Forecast(
        sum(kept) + running + records + REPORT_BYTES,
        slots,
        progress.slot_seconds(plan),
        progress.elsewhere,
        plan.images_bytes,
    )


def _imagined(plan: Plan) -> tuple[PlannedTrial, ...]:
    """As many as will be proposed, each as large as the largest example."""
    largest = max(plan.examples, key=checkpoint_bytes, default=None)
    return (largest,) * (plan.open_ended * len(plan.seeds)) if largest else ()


def checkpoint_bytes(trial: PlannedTrial) -> int:
    """Weights and momentum in fp32, and BatchNorm's running statistics (less than a twentieth)."""
    return int(2.05 * 4 * trial.size.parameters)
