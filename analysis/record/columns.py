"""The ledger as columns, for large studies; ``record.read_record`` reads it as rows.

Nearly all rows of a ledger are epochs. They are decoded into structs without dictionaries and
turned into arrays one chunk of lines at a time, which stays in the cache. That takes about half the
time of rows of ``rows.Epoch``.
"""

from __future__ import annotations

import collections
import itertools
import re
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import astuple

from analysis.record.record import (
    Damage,
    check_opened,
    decode_lines,
    read_lines,
    without_collections,
)
from analysis.record.rows import AnyRow, Epoch, OtherRow

GROUPS = ("factors", "weights", "batchnorm")
"""Parameter groups that always have columns; others get columns when they occur."""

NUMBERS = (
    "attempt", "time", "epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy",
    "train_seconds", "eval_seconds", "images_per_second", "peak_memory_bytes", "test_loss",
    "test_accuracy", "val_accuracy_half", "val_balanced_accuracy", "test_balanced_accuracy",
)  # fmt: skip

UNNAMEABLE = re.compile(r"[\\\"\x00-\x1f]")
"""Characters that msgspec allows in no field name; only damage puts them into a group's name."""

_any = msgspec.json.Decoder(AnyRow)


@dataclass(frozen=True)
class Columns:
    """A ledger: ``rows`` (all except epochs, as written), and the epochs with one array per column.

    ``trials`` are the trials that reported; ``codes`` has the index of each epoch's trial.
    ``numbers`` are float64, NaN for missing values. ``size_bytes`` and ``lines`` tell how much was
    read.
    """

    rows: tuple[AnyRow, ...]
    trials: tuple[str, ...]
    codes: np.ndarray
    numbers: dict[str, np.ndarray]
    learning_rates: dict[str, np.ndarray]
    weight_decays: dict[str, np.ndarray]
    damage: tuple[Damage, ...] = ()
    torn: str | None = None
    size_bytes: int = 0
    lines: int = 0

    @classmethod
    def empty(cls) -> Columns:
        """The columns of a ledger without rows."""
        none = np.zeros(0)
        rates = dict.fromkeys(GROUPS, none)
        return cls((), (), none.astype(np.int64), dict.fromkeys(NUMBERS, none), rates, rates)


class _NewGroupsError(Exception):
    """An epoch has parameter groups that the struct in use has no fields for."""

    def __init__(self, groups: set[str]) -> None:
        super().__init__(groups)
        self.groups = groups


def read_part(study: Path, start: int = 0, end: int = sys.maxsize) -> Columns:
    """Reads ``<study>/ledger.jsonl`` between two positions, each the start of a line.

    Damaged lines are reported, counted from ``start``; the others are kept.

    Raises:
        RecordError: where there is no ledger, or one of a newer format.
    """
    groups = set(GROUPS)
    with without_collections():
        while True:
            try:
                return _Reading(study, tuple(sorted(groups))).columns(start, end)
            except _NewGroupsError as new:
                groups |= new.groups


def join(parts: Sequence[Columns]) -> Columns:
    """Joins parts of a ledger, in this order."""
    codes: dict[str, int] = collections.defaultdict(itertools.count().__next__)
    mapped, damage, before = [], [], 0
    for part in parts:
        mapped.append(np.array([codes[name] for name in part.trials], np.int64)[part.codes])
        damage += [replace(line, line=before + line.line) for line in part.damage]
        before += part.lines
    return Columns(
        rows=tuple(itertools.chain.from_iterable(part.rows for part in parts)),
        trials=tuple(codes),
        codes=np.concatenate(mapped),
        numbers=_stacked([part.numbers for part in parts]),
        learning_rates=_stacked([part.learning_rates for part in parts]),
        weight_decays=_stacked([part.weight_decays for part in parts]),
        damage=tuple(damage),
        torn=parts[-1].torn,
        size_bytes=sum(part.size_bytes for part in parts),
        lines=before,
    )


def _stacked(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Concatenates the arrays of each name; NaN for a part that lacks it."""
    names = dict.fromkeys(itertools.chain.from_iterable(parts))
    return {name: np.concatenate([_column(part, name) for part in parts]) for name in names}


def _column(part: dict[str, np.ndarray], name: str) -> np.ndarray:
    return part[name] if name in part else np.full(len(next(iter(part.values()))), np.nan)


@dataclass
class _Reading:
    """One pass over a ledger whose epochs have at most these parameter groups."""

    study: Path
    groups: tuple[str, ...]
    rows: list[AnyRow] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    parts: list[list[np.ndarray]] = field(default_factory=list)
    count: int = 0  # of rows so far

    def __post_init__(self) -> None:
        self.names = {f"group{number}": group for number, group in enumerate(self.groups)}
        rates = msgspec.defstruct(
            "Rates",
            [(name, float | None, None) for name in self.names],
            rename=self.names,  # a group may be called what is no identifier
            gc=False,
            frozen=True,
            forbid_unknown_fields=True,
        )
        self.rates: Any = rates
        self.epoch: Any = msgspec.defstruct(
            "LeanEpoch",
            [
                ("trial_id", str),
                *((name, float | None, None) for name in NUMBERS),
                ("learning_rates", rates, rates()),
                ("weight_decays", rates, rates()),
            ],
            tag_field="type",
            tag="epoch",
            gc=False,
        )
        self.lines = msgspec.json.Decoder(self.epoch | OtherRow)
        self.codes: dict[str, int] = collections.defaultdict(itertools.count().__next__)

    def columns(self, start: int, end: int) -> Columns:
        """Reads that part of the ledger."""
        size, torn = 0, b""
        for lines, torn in read_lines(self.study, start, end):
            size += len(lines) + len(torn)
            before = self.count + len(self.damage)
            self._take(decode_lines(lines, before, self.lines, self.damage, self._decode))
        return self._columns(torn.decode(errors="replace") or None, size)

    def _take(self, rows: list[Any]) -> None:
        lean = self.epoch
        self.count += len(rows)
        epochs = [row for row in rows if type(row) is lean]
        if len(epochs) < len(rows):
            others = [row for row in rows if type(row) is not lean]
            check_opened(self.study, others)
            self.rows += others
        if epochs:
            self.parts.append(self._arrays(epochs))

    def _decode(self, line: bytes) -> Any:
        row = _any.decode(line)
        if not isinstance(row, Epoch):
            return row
        unknown = (row.learning_rates.keys() | row.weight_decays.keys()) - set(self.groups)
        if any(UNNAMEABLE.search(name) for name in unknown):
            raise msgspec.DecodeError("a parameter group of an impossible name")
        if unknown:
            raise _NewGroupsError(unknown)
        rates = (
            self.rates(*map(given.get, self.groups))
            for given in (row.learning_rates, row.weight_decays)
        )
        return self.epoch(row.trial_id, *(getattr(row, name) for name in NUMBERS), *rates)

    def _arrays(self, epochs: list[Any]) -> list[np.ndarray]:
        """The arrays of one chunk: codes, numbers, and by group learning rates and decays."""
        names, *numbers, rates, decays = zip(*map(astuple, epochs), strict=True)
        indices = np.fromiter(map(self.codes.__getitem__, names), np.int64, len(names))
        return [indices, *map(_array, (*numbers, *_transposed(rates), *_transposed(decays)))]

    def _columns(self, torn: str | None, size: int) -> Columns:
        width = 1 + len(NUMBERS) + 2 * len(self.groups)
        empty = [[np.zeros(0, np.int64), *([np.zeros(0)] * (width - 1))]]
        codes, *columns = map(np.concatenate, zip(*(self.parts or empty), strict=True))
        split = len(NUMBERS) + len(self.groups)
        return Columns(
            rows=tuple(self.rows),
            trials=tuple(self.codes),
            codes=codes,
            numbers=dict(zip(NUMBERS, columns, strict=False)),
            learning_rates=dict(zip(self.groups, columns[len(NUMBERS) : split], strict=True)),
            weight_decays=dict(zip(self.groups, columns[split:], strict=True)),
            damage=tuple(self.damage),
            torn=torn,
            size_bytes=size,
            lines=self.count + len(self.damage),
        )


def _transposed(structs: tuple[Any, ...]) -> zip:
    return zip(*map(astuple, structs), strict=True)


def _array(column: tuple[float | None, ...]) -> np.ndarray:
    """The column as float64, None as NaN; packing takes a fifth of numpy's own conversion."""
    if column[0] is None and column.count(None) == len(column):
        return np.full(len(column), np.nan)
    try:
        return np.frombuffer(struct.pack(f"{len(column)}d", *column))
    except struct.error:
        return np.array(column, dtype=np.float64)
