"""A study, read from its folder."""

from __future__ import annotations

import dataclasses
import functools
import json
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from analysis.record.driver import is_held
from analysis.record.frames import Tables, build_tables, interrupted_unless_held
from analysis.record.open_keys import in_one_spelling
from analysis.record.parallel_read import read_columns
from analysis.record.record import RecordError, without_collections
from analysis.record.tables import read_tables, write_tables
from analysis.study.searched_keys import existing, without_idle_sides
from trainables.config.former_names import with_present_names
from trainables.config.tables import register_tables
from trainables.files.storage import no_study_folder
from trainables.files.study_folder import LEDGER, STUDY

T = TypeVar("T")

OBJECT, LIST, NUMBER = ("an object", dict), ("a list", list), ("a number", int | float)
KINDS = {
    "space": OBJECT,
    "space.questions": LIST,
    "space.contrast": OBJECT,
    "options": OBJECT,
    "options.max_parameters": NUMBER,
    "options.max_macs": NUMBER,
    "versions": OBJECT,
    "environment": OBJECT,
    "earlier": LIST,
    "dataset.held_out": NUMBER,
    "dataset.train_images": NUMBER,
    "dataset.test_images": NUMBER,
}
"""What entries of ``study.json`` must be where they are there: in words, and their types."""


@dataclass(frozen=True, eq=False)
class Study:
    """The content of a study folder. What is computed from it are functions that take a study.

    ``info`` is ``study.json``. ``ledger_bytes`` tells how much of the ledger the tables hold, and
    ``held`` whether a driver works on the study. Frames are computed once and shared: copy a frame
    before changing it.
    """

    folder: Path
    name: str
    info: Mapping[str, Any]
    tables: Tables
    ledger_bytes: int = 0
    held: bool = False

    @functools.cached_property
    def trials(self) -> pd.DataFrame:
        """A row for each trial; for the columns see ``analysis.record.dtypes.TRIAL_DTYPES``."""
        return interrupted_unless_held(self.tables.trials, held=self.held)

    @property
    def epochs(self) -> pd.DataFrame:
        """A row for each trial and finished epoch; the latest attempt counts."""
        return self.tables.epochs

    @property
    def aliases(self) -> pd.DataFrame:
        """Configurations that resolve to a trial (``same_as``), with their keys as written."""
        return self.tables.aliases

    @property
    def infeasible(self) -> pd.DataFrame:
        """Configurations that cannot run, with the reason."""
        return self.tables.infeasible

    @functools.cached_property
    def attempts(self) -> pd.DataFrame:
        """A row for each attempt: its times, its end, its failure."""
        return interrupted_unless_held(self.tables.attempts, held=self.held)

    @property
    def runs(self) -> pd.DataFrame:
        """A row for each time a driver worked on the study, with its slots."""
        return self.tables.runs

    @property
    def damage(self) -> pd.DataFrame:
        """Lines of the ledger that could not be read."""
        return self.tables.damage

    @property
    def space(self) -> Mapping[str, Any]:
        """The space in the form of ``study.json``; empty where there is none."""
        return self.info.get("space") or {}

    @property
    def question(self) -> str:
        """The study's question."""
        return str(self.space.get("question") or "")

    @functools.cached_property
    def metric(self) -> str:
        """The column that trials are judged by: of the test set only if no images are held out."""
        validated = self.trials["val_accuracy_last"].notna().any()
        tested = self.trials["test_accuracy"].notna().any()
        return "test_accuracy" if tested and not validated else "val_accuracy_last"


def per_study(frame: Callable[[Study], T]) -> Callable[[Study], T]:
    """Caches a function's frame for each study. The frame is shared: copy it to change it."""
    cache: weakref.WeakKeyDictionary[Study, T] = weakref.WeakKeyDictionary()

    @functools.wraps(frame)
    def once(study: Study) -> T:
        if study not in cache:
            cache[study] = frame(study)
        return cache[study]

    return once


def write_study_tables(study: Study) -> list[Path]:
    """Writes the tables into the study folder, as Parquet and CSV."""
    return write_tables(study.folder, study.tables, ledger_bytes=study.ledger_bytes)


def load_study(path: str | Path, *, rebuild: bool = False) -> Study:
    """Reads a study folder: its tables where they are as new as the ledger, else the ledger.

    ``rebuild`` reads the ledger, if there is one, even where the tables are new.

    Raises:
        RecordError: where the folder is not a study, or has a newer format.
        TableError: where there is no ledger, and the tables lack a column.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise RecordError(no_study_folder(folder))
    info = _information(folder)
    rebuild = rebuild and (folder / LEDGER).is_file()
    tables = None if rebuild else read_tables(folder)
    if tables is None:
        with without_collections():
            tables, size = _from_ledger(folder)
    else:
        size = _size(folder / LEDGER)
    name = folder.resolve().name  # a renamed folder is a renamed study
    space = info.get("space") or {}
    trials = without_idle_sides(in_one_spelling(tables.trials, info))
    aliases = without_idle_sides(tables.aliases)
    tables = dataclasses.replace(
        tables, trials=existing(trials, space), aliases=existing(aliases, space)
    )
    return Study(folder, name, info, tables, size, is_held(folder))


def _from_ledger(folder: Path) -> tuple[Tables, int]:
    """The tables, and the number of ledger bytes that they hold."""
    columns = read_columns(folder)
    return build_tables(columns), columns.size_bytes


def _information(folder: Path) -> dict[str, Any]:
    """The content of ``study.json``; empty where it is missing, as the ledger alone is a study."""
    path = folder / STUDY
    try:
        info = with_present_names(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError) as problem:
        raise RecordError(
            f"{path} is no JSON object ({problem}); restore it or remove it"
        ) from None
    for name, (words, kinds) in KINDS.items():
        *within, key = name.split(".")
        parent = info.get(within[0]) if within else info
        value = parent.get(key) if isinstance(parent, dict) else None
        if value and not isinstance(value, kinds):
            raise RecordError(
                f"{path}: {name} must be {words}, got {value!r}; restore the file or remove it"
            )
    try:
        register_tables(info.get("networks") or ())
    except (TypeError, ValueError) as problem:
        raise RecordError(f"{path}: {problem}; restore the file or remove it") from None
    return info


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
