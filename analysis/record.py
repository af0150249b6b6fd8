"""The record of a study: the types of the ledger's rows, and its reader.

The ledger (``ledger.jsonl`` in the study folder) is one append-only log of JSON lines, written by
the driver alone. A row states something that happened; what follows from the rows (a trial's
status, say) is worked out by readers and never stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

FORMAT = 1
"""Raised when a reader of this version could misread what is written."""

LEDGER = "ledger.jsonl"

EndStatus = Literal["finished", "stopped", "diverged", "failed", "interrupted"]
"""How an attempt ended: ``stopped`` by a scheduler, ``interrupted`` by a person or a budget."""

FailureKind = Literal[
    "out_of_memory", "exception", "lost_worker", "lost_node", "full_disk", "timeout"
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
    """The first line: what this file is."""

    format: int
    name: str
    time: float


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


class Alias(Row, frozen=True, tag="alias"):
    """Another way of writing a planned trial; ``config`` holds the keys as written."""

    config: dict[str, Any]
    same_as: str


class Infeasible(Row, frozen=True, tag="infeasible"):
    """A configuration that cannot run, and why."""

    config: dict[str, Any]
    reason: str


class Started(Row, frozen=True, tag="started"):
    """An attempt took a slot, going on after ``epoch`` finished epochs (0: from the beginning)."""

    trial_id: str
    attempt: int
    time: float
    epoch: int = 0
    host: str = ""
    device: str = ""


class Epoch(Row, frozen=True, tag="epoch"):
    """One finished epoch; the fields are those of ``trainables.metrics.EpochMetrics``."""

    trial_id: str
    attempt: int
    time: float
    epoch: int
    train_loss: float | None
    train_accuracy: float
    val_loss: float | None = None
    val_accuracy: float | None = None
    learning_rates: dict[str, float] = {}
    weight_decays: dict[str, float] = {}
    train_seconds: float = 0.0
    eval_seconds: float = 0.0
    images_per_second: float = 0.0
    peak_memory_bytes: int | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None


class Ended(Row, frozen=True, tag="ended"):
    """An attempt ended after ``epoch`` finished epochs in all.

    ``retry`` says that another attempt will follow; ``kind`` and ``error`` (a traceback) are given
    when it failed.
    """

    trial_id: str
    attempt: int
    time: float
    status: EndStatus
    epoch: int
    kind: FailureKind | None = None
    error: str | None = None
    retry: bool = False


class Closed(Row, frozen=True, tag="closed"):
    """The driver let go of the study; ``reason`` in words."""

    time: float
    reason: str


AnyRow = Opened | Run | Planned | Alias | Infeasible | Started | Epoch | Ended | Closed


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

    rows: tuple[AnyRow, ...]
    damage: tuple[Damage, ...] = ()
    torn: str | None = None


class RecordError(ValueError):
    """The folder holds no ledger that this version can read."""


_decoder = msgspec.json.Decoder(AnyRow)
_encoder = msgspec.json.Encoder()


def encode(rows: Iterable[AnyRow]) -> bytes:
    """The rows as the ledger stores them, one line each."""
    return _encoder.encode_lines(list(rows))


def read_record(study: Path) -> Record:
    """Reads ``<study>/ledger.jsonl``; damaged lines are reported, the others kept.

    Raises:
        RecordError: where there is no ledger, or one of a newer format.
    """
    lines, torn = ledger_path(study).read_bytes(), b""
    if not lines.endswith(b"\n"):
        torn = lines[lines.rfind(b"\n") + 1 :]
        lines = lines[: len(lines) - len(torn)]
    rows, damage = _decode(lines)
    check_format(study, rows)
    return Record(tuple(rows), tuple(damage), torn.decode(errors="replace") or None)


def ledger_path(study: Path) -> Path:
    """A study's ledger; raises RecordError where there is none."""
    path = study / LEDGER
    if not path.is_file():
        raise RecordError(
            f"{study} is no study: it holds no {LEDGER}; name a folder that run_tune.py wrote"
        )
    return path


def _decode(lines: bytes) -> tuple[list[AnyRow], list[Damage]]:
    try:
        rows = _decoder.decode_lines(lines)
        if len(rows) == lines.count(b"\n"):  # an empty line is passed over, but is damage
            return rows, []
    except msgspec.DecodeError:  # ValidationError is one too: find which lines
        pass
    return _decode_each(lines.split(b"\n")[:-1])


def _decode_each(lines: list[bytes]) -> tuple[list[AnyRow], list[Damage]]:
    rows: list[AnyRow] = []
    damage = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(_decoder.decode(line))
        except msgspec.DecodeError as problem:
            damage.append(Damage(number, line.decode(errors="replace"), str(problem)))
    return rows, damage


def check_format(study: Path, rows: Iterable[AnyRow]) -> None:
    """Raises RecordError where a row says that a newer version wrote the ledger."""
    formats = [row.format for row in rows if isinstance(row, Opened)]
    if formats and max(formats) > FORMAT:
        raise RecordError(
            f"{study} was written in format {max(formats)}, "
            f"this version reads up to {FORMAT}: update RankTune"
        )
