"""Ledgers written row by row; tests.analysis.simulation writes those of whole searches."""

from __future__ import annotations

from pathlib import Path

from analysis.record.record import encode
from analysis.record.rows import FORMAT, AnyRow, Ended, Epoch, Opened
from trainables.files.study_folder import LEDGER
from tune_app.planning.parsed_point import PlannedTrial
from tune_app.planning.rows import planned_row


def write_ledger(folder: Path, *rows: AnyRow) -> Path:
    """A study folder, made where it is missing, whose ledger opens with the folder's name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LEDGER).write_bytes(encode([Opened(FORMAT, folder.name, 0.0), *rows]))
    return folder


def append_rows(folder: Path, *rows: AnyRow) -> None:
    with (folder / LEDGER).open("ab") as file:
        file.write(encode(rows))


def ended_trial(
    trial: PlannedTrial,
    accuracy: float,
    *,
    epochs: int = 6,
    status: str = "finished",
    seconds: float | None = None,
) -> list[AnyRow]:
    """A planned trial that ended with this accuracy; ``seconds`` of its last epoch, if measured."""
    parts = (
        {} if seconds is None else {"train_seconds": 0.8 * seconds, "eval_seconds": 0.2 * seconds}
    )
    return [
        planned_row(trial, time=0.0),
        Epoch(trial.trial_id, 1, 1.0, epochs, 0.1, 0.9, 0.2, accuracy, **parts),
        Ended(trial.trial_id, 1, 2.0, status, epochs),
    ]
