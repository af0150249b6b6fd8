"""The record of a study: the types of the ledger's rows, and its reader.

The ledger (``ledger.jsonl`` in the study folder) is one append-only log of JSON lines, written by
the driver alone. A row states something that happened; what follows from the rows (a trial's
status, say) is worked out by readers and never stored.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec.structs import force_setattr

from analysis.record.status import ENDS, TrialStatus
from trainables.config.former_names import (
    present_name,
    with_present_layers,
    with_present_values,
)
from trainables.config.train_config import complete_config

FORMAT = 1
"""Raised when a reader of this version could misread what is written."""

LEDGER = "ledger.jsonl"

CHUNK_BYTES = 1 << 18
"""How much is read at once: the objects of a few hundred lines stay in the processor's cache."""

FailureKind = Literal[
    "out_of_memory",
    "exception",
    "lost_worker",
    "lost_node",
    "full_disk",
    "storage",
    "timeout",
    "unfit_node",
]


class Row(
    msgspec.Struct,
    frozen=True,
    tag_field="type",
    omit_defaults=True,
    forbid_unknown_fields=False,
    gc=False,  # rows hold plain JSON: no cycles, and a quarter of the reading time
):
    """One line of the ledger. ``time`` is in seconds since the epoch (UTC)."""


class Opened(Row, frozen=True, tag="opened"):
    """The first line: what this file is. ``study_id`` is random ("" in ledgers of before)."""

    format: int
    name: str
    time: float
    study_id: str = ""


class Run(Row, frozen=True, tag="run"):
    """A driver started to work on the study; ``slots`` is how many trials it can run at once."""

    time: float
    command: str
    slots: int
    host: str = ""


class Planned(Row, frozen=True, tag="trial"):
    """A trial enters the study. ``config`` holds every key of TrainConfig with its resolved value.

    ``macs`` counts multiply-adds per image of the routes that the layers take at this batch size,
    ``factor_parameters`` the replaced layers' parameters alone, ``compression`` parameters over
    those of the dense network of the same width.
    """

    trial_id: str
    config: dict[str, Any]
    parameters: int
    macs: float
    compression: float
    factor_parameters: int = 0
    routes: tuple[str, ...] = ()
    time: float = 0.0
    search: str = ""

    def __post_init__(self) -> None:
        if self.config:  # else a stand-in for a plan that is lost
            force_setattr(self, "config", complete_config(self.config))
        routes = tuple(present_name("routes", route) for route in self.routes)
        force_setattr(self, "routes", routes)


class Alias(Row, frozen=True, tag="alias"):
    """Another way of writing a planned trial; ``config`` holds the keys as written."""

    config: dict[str, Any]
    same_as: str

    def __post_init__(self) -> None:
        force_setattr(self, "config", with_present_values(self.config))


class Infeasible(Row, frozen=True, tag="infeasible"):
    """A configuration that cannot run, and why."""

    config: dict[str, Any]
    reason: str

    def __post_init__(self) -> None:
        force_setattr(self, "config", with_present_values(self.config))
        force_setattr(self, "reason", with_present_layers(self.reason))


class Started(Row, frozen=True, tag="started"):
    """An attempt took a slot, going on after ``epoch`` finished epochs (0: from the beginning)."""

    trial_id: str
    attempt: int
    time: float
    epoch: int = 0
    host: str = ""
    device: str = ""


class EpochResult(Row, frozen=True, tag="epoch"):
    """What a finished epoch came to: all of its row that a search needs to know."""

    trial_id: str
    attempt: int
    time: float
    epoch: int
    train_loss: float | None
    train_accuracy: float
    val_loss: float | None = None
    val_accuracy: float | None = None
    train_seconds: float = 0.0
    eval_seconds: float = 0.0
    images_per_second: float = 0.0
    peak_memory_bytes: int | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None


class Epoch(EpochResult, frozen=True, tag="epoch"):
    """One finished epoch; the fields are those of ``trainables.config.metrics.EpochMetrics``."""

    learning_rates: dict[str, float] = {}
    weight_decays: dict[str, float] = {}


class Ended(Row, frozen=True, tag="ended"):
    """An attempt ended after ``epoch`` finished epochs in all.

    ``retry`` says that another attempt will follow; ``kind`` and ``error`` (a traceback) are given
    when it failed.
    """

    trial_id: str
    attempt: int
    time: float
    status: TrialStatus
    epoch: int
    kind: FailureKind | None = None
    error: str | None = None
    retry: bool = False

    def __post_init__(self) -> None:
        if self.status not in ENDS:
            raise ValueError(f"an attempt ends with one of {', '.join(ENDS)}, got {self.status}")


class Closed(Row, frozen=True, tag="closed"):
    """The driver let go of the study; ``reason`` in words."""

    time: float
    reason: str


OtherRow = Opened | Run | Planned | Alias | Infeasible | Started | Ended | Closed
AnyRow = Epoch | OtherRow
SearchRow = EpochResult | OtherRow
"""A row as a search reads it, epochs without their rates; an ``AnyRow`` is one too."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A line that is no row: its number from 1, its content and what is wrong with it."""

    line: int
    content: str
    problem: str


@dataclass(frozen=True, slots=True)
class Record:
    """What a ledger says: its rows in the order they were written, and what could not be read.

    ``torn`` is the unfinished last line of a driver that was killed while writing, else None.
    """

    rows: tuple[SearchRow, ...]
    damage: tuple[Damage, ...] = ()
    torn: str | None = None


class RecordError(ValueError):
    """The folder holds no ledger that this version can read."""


_decoders = {True: msgspec.json.Decoder(AnyRow), False: msgspec.json.Decoder(SearchRow)}
_encoder = msgspec.json.Encoder()


def encode(rows: Iterable[AnyRow]) -> bytes:
    """The rows as the ledger stores them, one line each."""
    return _encoder.encode_lines(list(rows))


def read_record(study: Path, *, rates: bool = True) -> Record:
    """Reads ``<study>/ledger.jsonl``; damaged lines are reported, the others kept.

    Without ``rates`` epochs are ``EpochResult``, which takes two thirds of the time.

    Raises:
        RecordError: where there is no ledger, or one of a newer format.
    """
    rows: list[SearchRow] = []
    damage: list[Damage] = []
    torn = b""
    with without_collections():
        for lines, rest in read_lines(study):
            torn = rest
            some = decode_lines(lines, len(rows) + len(damage), _decoders[rates], damage)
            check_format(study, some)
            rows += some
    return Record(tuple(rows), tuple(damage), torn.decode(errors="replace") or None)


def read_lines(
    study: Path, start: int = 0, end: int = sys.maxsize
) -> Iterator[tuple[bytes, bytes]]:
    """The ledger a chunk at a time: whole lines, and an unfinished last one.

    ``start`` and ``end`` are places in the file at which a line begins.

    Raises:
        RecordError: where there is no ledger.
    """
    with ledger_path(study).open("rb") as file:
        file.seek(start)
        while chunk := file.read(min(CHUNK_BYTES, end - file.tell())):
            if not chunk.endswith(b"\n"):
                chunk += file.readline()
            whole = chunk.rfind(b"\n") + 1
            yield chunk[:whole], chunk[whole:]


def decode_lines(
    lines: bytes,
    before: int,
    decoder: msgspec.json.Decoder[Any],
    damage: list[Damage],
    decode: Callable[[bytes], Any] | None = None,
) -> list[Any]:
    """The rows of a chunk, ``before`` lines into the ledger.

    A line that is no row is added to ``damage``, so that each is one or the other.

    ``decode`` reads a line of a chunk that ``decoder`` refuses as a whole.
    """
    try:
        rows = decoder.decode_lines(lines)
        if len(rows) == lines.count(b"\n"):  # an empty line is passed over, but is damage
            return rows
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
    ):  # ValidationError is one too: find which lines
        pass
    rows = []
    for number, line in enumerate(lines.split(b"\n")[:-1], start=before + 1):
        try:
            rows.append((decode or decoder.decode)(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            damage.append(Damage(number, line.decode(errors="replace"), str(problem)))
    return rows


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Nothing decoded here is cyclic; looking for cycles takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def ledger_path(study: Path) -> Path:
    """A study's ledger; raises RecordError where there is none."""
    path = study / LEDGER
    if not path.is_file():
        raise RecordError(
            f"{study} is no study: it holds no {LEDGER}; name a folder that run_tune.py wrote"
        )
    return path


def rows_of(rows: Iterable[Any], *kinds: type[Row]) -> list[Any]:
    """The rows of these kinds, by exact type: isinstance takes six times as long to say no."""
    return [row for row in rows if type(row) in kinds]


def check_format(study: Path, rows: Iterable[SearchRow]) -> None:
    """Raises RecordError where a row says that a newer version wrote the ledger."""
    formats = [row.format for row in rows if type(row) is Opened]
    if formats and max(formats) > FORMAT:
        raise RecordError(
            f"{study} was written in format {max(formats)}, "
            f"this version reads up to {FORMAT}: update RankTune"
        )
