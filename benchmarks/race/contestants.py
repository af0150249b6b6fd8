"""Three ways to the same study, two of them in two number formats."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analysis.record.record import RecordError, read_record
from analysis.record.rows import Ended, Epoch, Started, rows_of
from benchmarks.race.task import Task

SPACE = """
[space]
name = "race"
question = "Which learning rate is best?"
source = "benchmarks/race"

[fixed]
dataset = "{dataset}"
layer = "dense"
width = {width}
batch_size = {batch}
train_images = {train_images}
validation_images = {held_out}
epochs = {epochs}
seed = {seed}

[keys.learning_rate]
values = [{rates}]
"""


@dataclass(frozen=True, slots=True)
class TrainedEpoch:
    """An epoch that some process trained to its end; the same one may be there twice."""

    trial: str
    epoch: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class Contestant:
    """prepare: writes what the command needs into a folder and returns the command.

    trained: the epochs on record there.
    phases: where the wall seconds of an undisturbed run went, given its start and end in seconds
    since the epoch; empty where that is not on record.
    """

    prepare: Callable[[Task, int, Path], list[str]]
    trained: Callable[[Path], list[TrainedEpoch]]
    phases: Callable[[Path, float, float], dict[str, float]]


def prepare_ranktune(task: Task, seed: int, folder: Path) -> list[str]:
    """``run_tune.py`` on a space of its own."""
    values = {name: getattr(task, name) for name in Task.__slots__}
    values["rates"] = ", ".join(map(str, task.rates))
    (folder / "race.toml").write_text(SPACE.format(**values, seed=seed))
    command = [sys.executable, "run_tune.py", "--space", str(folder / "race.toml")]
    data = ["--data-dir", task.data_dir] if task.data_dir else []
    return [*command, "--results-dir", str(folder), "--estimating-seeds", "0", *data]


def trained_by_ranktune(folder: Path) -> list[TrainedEpoch]:
    """From the ledger."""
    try:
        rows = rows_of(read_record(folder / "race").rows, Epoch)
    except RecordError:
        return []
    return [TrainedEpoch(row.trial_id, row.epoch, row.val_accuracy or 0.0) for row in rows]


def phases_of_ranktune(folder: Path, began: float, ended: float) -> dict[str, float]:
    """Until the first trial, between first and last, after the last; training while they ran."""
    rows = read_record(folder / "race").rows
    first = min(row.time for row in rows_of(rows, Started))
    last = max(row.time for row in rows_of(rows, Ended))
    epochs = rows_of(rows, Epoch)
    return {
        "until_the_first_trial": round(first - began, 2),
        "trials": round(last - first, 2),
        "after_the_last_trial": round(ended - last, 2),
        "training_of_all_trials": round(sum(row.train_seconds for row in epochs), 2),
        "evaluation_of_all_trials": round(sum(row.eval_seconds for row in epochs), 2),
    }


def script(module: str, precision: str) -> Contestant:
    """A rival, in a number format."""

    def prepare(task: Task, seed: int, folder: Path) -> list[str]:
        task.write(folder / "task.json")
        name = f"benchmarks.race.{module}"
        return [sys.executable, "-m", name, str(folder), str(seed), precision]

    return Contestant(prepare, trained_by_script, lambda *_: {})


def trained_by_script(folder: Path) -> list[TrainedEpoch]:
    """From the lines of ``note_epoch``."""
    log = folder / "epochs.jsonl"
    lines = map(json.loads, log.read_text().splitlines()) if log.exists() else ()
    return [TrainedEpoch(str(line["rate"]), line["epoch"], line["accuracy"]) for line in lines]


CONTESTANTS = {
    "ranktune": Contestant(prepare_ranktune, trained_by_ranktune, phases_of_ranktune),
    "ray_fp32": script("ray_script", "fp32"),
    "ray_bf16": script("ray_script", "bf16"),
    "optuna_fp32": script("optuna_script", "fp32"),
    "optuna_bf16": script("optuna_script", "bf16"),
}
