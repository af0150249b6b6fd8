"""What became of the searches that a fault struck, by their records and their workers' logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.record.record import read_record
from analysis.record.rows import Ended, Epoch, Planned, Started
from analysis.study.study import load_study
from benchmarks.chaos.inspection import trained_epochs
from tests.tune_app.scripted import accuracy
from trainables.config.train_config import TrainConfig
from trainables.data.datasets.registry import load_dataset
from trainables.data.sources import requested_data
from trainables.training.trainer import Trainer

COMPARED = 20


@dataclass(frozen=True)
class Outcome:
    """What became of a fault's searches.

    finished, planned: trials. redone: epochs trained again, and redone_most of one trial. lost,
    doubled: epochs missing from the record, or twice on it. differing: epochs with another result
    than undisturbed. noticed: seconds from the fault to the first attempt on record that it ended.
    recovered: seconds from the fault to the first attempt that it led to; None
    where none was needed. exit_codes: of each driver, in the order of their starts. seconds: from
    the fault to the last driver's end. said: the first line that names the cause; "" for none.
    hosts: on which trials ran. load: of the machine from
    the fault until a trial went on, or as the fault struck where that is more.
    """

    fault: str
    slots: int
    finished: int
    planned: int
    redone: int
    redone_most: int
    lost: int
    doubled: int
    differing: int
    noticed: float | None
    recovered: float | None
    exit_codes: tuple[int, ...]
    seconds: float
    said: str
    lines: tuple[str, ...]
    hosts: tuple[str, ...]
    load: float


@dataclass(frozen=True)
class Tally:
    """Counts of one study."""

    finished: int
    redone: Counter[str]  # by trial
    lost: int
    doubled: int
    differing: int
    hosts: frozenset[str]


def tally(study: Path, worker_logs: Iterable[Path]) -> Tally:
    """Counts what a study's record says; ``worker_logs`` are those of scripted trials."""
    rows = read_record(study).rows
    recorded = Counter((row.trial_id, row.epoch) for row in rows if isinstance(row, Epoch))
    trials = load_study(study).trials
    finished = trials[trials["status"] == "finished"]
    wanted = {
        (trial.trial_id, epoch)
        for trial in finished.itertuples()
        for epoch in range(1, trial.epochs + 1)
    }
    begun = scripted_epochs(worker_logs) or trained_epochs(study)
    redone: Counter[str] = Counter()
    for (trial_id, _), count in begun.items():
        redone[trial_id] += count - 1
    return Tally(
        finished=len(finished),
        redone=redone,
        lost=len(wanted - recorded.keys()),
        doubled=sum(count > 1 for count in recorded.values()),
        differing=differing_epochs(rows),
        hosts=frozenset(row.host for row in rows if isinstance(row, Started) and row.host),
    )


def scripted_epochs(worker_logs: Iterable[Path]) -> Counter[tuple[str, int]]:
    """How often each epoch was begun."""
    return Counter(
        (log.parent.name, int(line.split()[1]))
        for log in worker_logs
        for line in log.read_text().splitlines()
    )


def differing_epochs(rows: Sequence[object]) -> int:
    """Epochs whose validation accuracy is another than without the fault.

    Scripted trials have a curve. Of trials that train, the last is trained once more here, for its
    first ``COMPARED`` epochs.
    """
    configs = {row.trial_id: row.config for row in rows if isinstance(row, Planned)}
    epochs = [row for row in rows if isinstance(row, Epoch)]
    if epochs and configs[epochs[-1].trial_id]["dataset"] == "digits":
        last = epochs[-1].trial_id
        expected = _history(configs[last])
        epochs = [row for row in epochs if row.trial_id == last and row.epoch <= COMPARED]
        return sum(row.val_accuracy != expected[row.epoch - 1] for row in epochs)
    return sum(row.val_accuracy != accuracy(configs[row.trial_id], row.epoch) for row in epochs)


def _history(config: dict) -> list[float | None]:
    settings = TrainConfig.from_trial(config)
    data = load_dataset(requested_data(settings, None))
    trainer = Trainer(settings, data, device="cpu", threads=1)
    wanted = range(min(COMPARED, settings.epochs))
    return [trainer.train_epoch().val_accuracy for _ in wanted]


def first_loss(studies: Iterable[Path], after: float) -> float | None:
    """Seconds from ``after`` to the first attempt that ended for another to follow."""
    ends = [
        row.time - after
        for study in studies
        for row in read_record(study).rows
        if isinstance(row, Ended) and row.time > after and row.retry
    ]
    return min(ends, default=None)


def first_attempt(studies: Iterable[Path], after: float, new_host: str = "") -> float | None:
    """Seconds from ``after`` to the first start that was no trial's first, or on a new host."""
    starts = [
        row.time - after
        for study in studies
        for row in read_record(study).rows
        if isinstance(row, Started) and row.time > after
        if (row.host == new_host if new_host else row.attempt > 1)
    ]
    return min(starts, default=None)
