"""The frames as files, Parquet for programs and CSV for people. They are copies of the ledger."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from analysis.record.columns import Columns
from analysis.record.dtypes import TRIAL_DTYPES
from analysis.record.frames import Tables, build_tables
from trainables.files.sealed import file_digest, read_sealed, write_sealed
from trainables.files.study_folder import LEDGER
from trainables.files.whole_file import whole_file

VERSION = 4
"""Version of the frames; raised when they change, so that older files are built again."""

TABLES = tuple(field.name for field in dataclasses.fields(Tables))
FOR_PEOPLE = ("trials", "epochs", "aliases")
ABOUT = "tables.json"
"""The file with the ledger's size and the digest of each table: damaged tables are built again."""
NEEDED = {
    "trials": tuple(name for name in TRIAL_DTYPES if name not in ("error_kind", "routes")),
    "epochs": ("trial_id", "epoch", "train_loss", "val_loss", "train_accuracy", "val_accuracy"),
}


class TableError(ValueError):
    """A table cannot be read, or lacks a requested column."""


def require(frame: pd.DataFrame, columns: tuple[str, ...], what: str) -> None:
    """Raises TableError, with the missing and the existing columns, where columns are missing."""
    missing = [name for name in columns if name not in frame]
    if missing:
        missing_names, existing = ", ".join(map(repr, missing)), ", ".join(map(str, frame.columns))
        raise TableError(f"{what} has no column {missing_names}; it has {existing}")


def write_tables(folder: Path, tables: Tables, *, ledger_bytes: int) -> list[Path]:
    """Writes ``<table>.parquet`` for every table, and ``.csv`` for the three that people read.

    ``ledger_bytes`` is the part of the ledger that the tables hold; files with less are stale.
    """
    written, digests = [], {}
    for name in TABLES:
        table = pa.Table.from_pandas(getattr(tables, name), preserve_index=False)
        written.append(_replace(folder / f"{name}.parquet", table, pa.parquet.write_table))
        digests[name] = file_digest(written[-1])
        if name in FOR_PEOPLE:
            written.append(_replace(folder / f"{name}.csv", table, pa.csv.write_csv))
    about = {"version": VERSION, "ledger_bytes": ledger_bytes, "digests": digests}
    write_sealed(folder / ABOUT, about)
    return written


def _replace(path: Path, table: pa.Table, write) -> Path:  # type: ignore[no-untyped-def]
    """Replaces the file atomically."""
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
    if not ledger.is_file():
        return _read_alone(folder)
    about = read_sealed(folder / ABOUT) or {}
    if (about.get("version"), about.get("ledger_bytes")) != (VERSION, ledger.stat().st_size):
        return None
    paths = {name: folder / f"{name}.parquet" for name in TABLES}
    try:
        if {name: file_digest(path) for name, path in paths.items()} != about.get("digests"):
            return None
        frames = {name: pd.read_parquet(path) for name, path in paths.items()}
    except (OSError, pa.ArrowException):
        return None
    return _checked(folder, frames) if _complete(frames) else None


def _complete(frames: dict[str, pd.DataFrame]) -> bool:
    return all(set(columns) <= set(frames[name]) for name, columns in NEEDED.items())


def _read_alone(folder: Path) -> Tables | None:
    """The tables of a folder without a ledger; trials and epochs suffice."""
    paths = {name: folder / f"{name}.parquet" for name in TABLES}
    if not paths["trials"].is_file() or not paths["epochs"].is_file():
        return None
    nothing = {name: getattr(build_tables(Columns.empty()), name) for name in TABLES}
    try:
        frames = {name: pd.read_parquet(path) for name, path in paths.items() if path.is_file()}
    except (OSError, pa.ArrowException) as problem:
        raise TableError(
            f"{folder} holds a table that is no Parquet ({problem}), and no ledger to build it from"
        ) from None
    return _checked(folder, {**nothing, **frames})


def _checked(folder: Path, frames: dict[str, pd.DataFrame]) -> Tables:
    for name, columns in NEEDED.items():
        require(frames[name], columns, f"{folder / name}.parquet")
    return Tables(**frames)
