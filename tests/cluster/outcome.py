"""What became of the searches that a fault struck, by their records and their workers' logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.record.record import read_record
from analysis.record.rows import Ended, Epoch, Planned, Started
from analysis.study.study import load_study
from benchmarks.chaos.inspection import trained_epochs
from tests.cluster.running import Cluster
from tests.tune_app.scripted import accuracy
from trainables.config.train_config import TrainConfig
from trainables.data.datasets.registry import load_dataset
from trainables.data.sources import requested_data
from trainables.training.trainer import Trainer

COMPARED = 20


@dataclass(frozen=True)
class Outcome:
    """What became of a fault's searches.

    finished, planned: trials. redone: epochs trained again, and redone_most of one trial.
    from_start: attempts that went on from no checkpoint, though an epoch had been trained.
    epochs_a_second: of the trial that trains fastest. lost, doubled: epochs missing from the
    record, or twice on it. differing: epochs with another result than undisturbed. noticed: seconds
    from the fault to the first attempt on record that it ended. recovered: seconds from the fault
    to the first attempt that it led to; None where none was needed. exit_codes: of each driver, in
    the order of their starts. seconds: from the fault to the last driver's end. said: the first
    line that names the cause; "" for none. hosts: on which trials ran. load: of the machine from
    the fault until a trial went on, or as the fault struck where that is more.
    """

    fault: str
    slots: int
    finished: int
    planned: int
    redone: int
    redone_most: int
    from_start: int
    epochs_a_second: float
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
    from_start: int
    epochs_a_second: float
    lost: int
    doubled: int
    differing: int
    hosts: frozenset[str]


def outcome(
    name: str,
    names: Callable[[str], bool],
    cluster: Cluster,
    struck: float,
    load: float,
    codes: tuple[int, ...],
    seconds: float,
) -> Outcome:
    """What became of a cluster's searches; ``names`` tells the line that names the cause."""
    known = sorted(
        (driver for driver in cluster.drivers if driver.ledger.exists()),
        key=lambda driver: driver.ledger.stat().st_size,
    )
    studies = {driver.study_id: driver for driver in known}  # by the driver that knows the most
    tallies = [
        tally(driver.study, [] if cluster.epochs else cluster.worker_logs(driver))
        for driver in studies.values()
    ]
    folders = [driver.study for driver in studies.values()]
    own = f"{cluster.folder}/"  # says nothing to a reader
    lines = [line.replace(own, "") for driver in cluster.drivers for line in driver.lines]
    redone = [count for one in tallies for count in one.redone.values()]
    new_host = cluster.workers[-1].address if name == "node added" else ""
    return Outcome(
        fault=name,
        slots=cluster.slots,
        finished=sum(one.finished for one in tallies),
        planned=cluster.trials * len(studies),
        redone=sum(redone),
        redone_most=max(redone, default=0),
        from_start=sum(one.from_start for one in tallies),
        epochs_a_second=max((one.epochs_a_second for one in tallies), default=0.0),
        lost=sum(one.lost for one in tallies),
        doubled=sum(one.doubled for one in tallies),
        differing=sum(one.differing for one in tallies),
        noticed=first_loss(folders, struck),
        recovered=first_attempt(folders, struck, new_host),
        exit_codes=codes,
        seconds=seconds,
        said=next(filter(names, lines), ""),
        lines=tuple(lines),
        hosts=tuple(sorted({host for one in tallies for host in one.hosts})),
        load=load,
    )


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
        from_start=starts_again(rows),
        epochs_a_second=fastest(rows),
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


def starts_again(rows: Sequence[object]) -> int:
    """Attempts that began at a trial's first epoch, though an earlier one had trained it."""
    trained: set[str] = set()
    count = 0
    for row in rows:
        if isinstance(row, Epoch):
            trained.add(row.trial_id)
        elif isinstance(row, Started) and row.epoch == 0:
            count += row.trial_id in trained
    return count


def fastest(rows: Sequence[object]) -> float:
    """Epochs a second of the trial that has most of them between its first and its last."""
    times: dict[str, list[float]] = {}
    for row in rows:
        if isinstance(row, Epoch):
            times.setdefault(row.trial_id, []).append(row.time)
    spans = [(len(one) - 1, max(one) - min(one)) for one in times.values()]
    return max((count / span for count, span in spans if span), default=0.0)


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
