"""The frames as files: Parquet for programs, CSV for people; copies, the ledger is the record."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from analysis.record.columns import Columns
from analysis.record.dtypes import TRIAL_DTYPES
from analysis.record.frames import Tables, build_tables
from analysis.record.record import LEDGER
from trainables.config.whole_file import whole_file

VERSION = 4
"""Raised when the frames change, so that older files are not read but built anew."""

TABLES = tuple(field.name for field in dataclasses.fields(Tables))
FOR_PEOPLE = ("trials", "epochs", "aliases")
KEY = b"ranktune"
NEEDED = {
    "trials": tuple(name for name in TRIAL_DTYPES if name not in ("error_kind", "routes")),
    "epochs": ("trial_id", "epoch", "train_loss", "val_loss", "train_accuracy", "val_accuracy"),
}


class TableError(ValueError):
    """A table that cannot be read, or lacks what is asked of it."""


def require(frame: pd.DataFrame, columns: tuple[str, ...], what: str) -> None:
    """Raises TableError, with what there is and what is wanted, where columns are missing."""
    missing = [name for name in columns if name not in frame]
    if missing:
        wanted, found = ", ".join(map(repr, missing)), ", ".join(map(str, frame.columns))
        raise TableError(f"{what} has no column {wanted}; it has {found}")


def write_tables(folder: Path, tables: Tables, *, ledger_bytes: int) -> list[Path]:
    """Writes ``<table>.parquet`` for every table, and ``.csv`` for the three that people read.

    ``ledger_bytes`` is how much of the ledger the tables hold: files that hold less are stale.
    """
    written = []
    for name in TABLES:
        table = pa.Table.from_pandas(getattr(tables, name), preserve_index=False)
        about = json.dumps({"version": VERSION, "ledger_bytes": ledger_bytes}).encode()
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), KEY: about})
        written.append(_replace(folder / f"{name}.parquet", table, pa.parquet.write_table))
        if name in FOR_PEOPLE:
            written.append(_replace(folder / f"{name}.csv", table, pa.csv.write_csv))
    return written


def _replace(path: Path, table: pa.Table, write) -> Path:  # type: ignore[no-untyped-def]
    """Readers see the old file or the new one, never half of it."""
    with whole_file(path) as draft:
        write(table, draft)
    return path


def read_tables(folder: Path) -> Tables | None:
    """The tables of a study, or None where they are absent or older than the ledger.

    Raises:
        TableError: where there is no ledger to build them from, and a table is damaged or lacks a
            column.
    """
    ledger = folder / LEDGER
    size = ledger.stat().st_size if ledger.is_file() else None
    try:
        arrow = {name: _read(folder / f"{name}.parquet", size) for name in TABLES}
    except (OSError, pa.ArrowException):
        return _read_alone(folder) if size is None else None
    if any(table is None for table in arrow.values()):
        return None
    frames = {name: table.to_pandas() for name, table in arrow.items() if table is not None}
    if size is None or _complete(frames):
        return _checked(folder, frames)
    return None


def _read(path: Path, ledger_bytes: int | None) -> pa.Table | None:
    """A table; None where it was made by another version or of another ledger."""
    if ledger_bytes is not None:
        about = json.loads((pa.parquet.read_schema(path).metadata or {}).get(KEY, b"{}"))
        if about != {"version": VERSION, "ledger_bytes": ledger_bytes}:
            return None
    return pa.parquet.read_table(path)


def _complete(frames: dict[str, pd.DataFrame]) -> bool:
    return all(set(columns) <= set(frames[name]) for name, columns in NEEDED.items())


def _read_alone(folder: Path) -> Tables | None:
    """What was sent without its ledger: trials and epochs are enough."""
    paths = {name: folder / f"{name}.parquet" for name in TABLES}
    if not paths["trials"].is_file() or not paths["epochs"].is_file():
        return None
    nothing = {name: getattr(build_tables(Columns.empty()), name) for name in TABLES}
    try:
        found = {name: pd.read_parquet(path) for name, path in paths.items() if path.is_file()}
    except (OSError, pa.ArrowException) as problem:
        raise TableError(
            f"{folder} holds a table that is no Parquet ({problem}), and no ledger to build it from"
        ) from None
    return _checked(folder, {**nothing, **found})


def _checked(folder: Path, frames: dict[str, pd.DataFrame]) -> Tables:
    for name, columns in NEEDED.items():
        require(frames[name], columns, f"{folder / name}.parquet")
    return Tables(**frames)
