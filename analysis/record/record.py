"""Reads the record of a study, its ledger.

The ledger (``ledger.jsonl`` in the study folder) is an append-only log of JSON lines, written by
the driver alone. A row states an event. What follows from the rows, such as a trial's status, is
computed by readers and never stored.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from analysis.record.rows import FORMAT, AnyRow, Opened, SearchRow
from trainables.files.study_folder import LEDGER

CHUNK_BYTES = 1 << 18
"""Bytes read at once: the objects of a few hundred lines stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A line that is not a row: its number from 1, its content and its problem."""

    line: int
    content: str
    problem: str


@dataclass(frozen=True, slots=True)
class Record:
    """The content of a ledger: its rows in order, and the lines that cannot be read.

    ``torn`` is the incomplete last line of a driver that was killed while writing, else None.
    """

    rows: tuple[SearchRow, ...]
    damage: tuple[Damage, ...] = ()
    torn: str | None = None


class RecordError(ValueError):
    """The folder has no ledger that this version can read."""


_decoders = {True: msgspec.json.Decoder(AnyRow), False: msgspec.json.Decoder(SearchRow)}
_encoder = msgspec.json.Encoder()


def encode(rows: Iterable[AnyRow]) -> bytes:
    """The rows as the ledger stores them, one line each."""
    return _encoder.encode_lines(list(rows))


def read_record(study: Path, *, rates: bool = True) -> Record:
    """Reads ``<study>/ledger.jsonl``; damaged lines are reported, the others kept.

    Without ``rates`` epochs are ``EpochResult``, which takes two thirds of the time.

    Raises:
        RecordError: where there is no ledger, one of a newer format, or of two studies.
    """
    rows: list[SearchRow] = []
    opened: list[Opened] = []
    damage: list[Damage] = []
    torn = b""
    with without_collections():
        for lines, rest in read_lines(study):
            torn = rest
            some = decode_lines(lines, len(rows) + len(damage), _decoders[rates], damage)
            opened += (row for row in some if type(row) is Opened)
            check_opened(study, opened)
            rows += some
    return Record(tuple(rows), tuple(damage), torn.decode(errors="replace") or None)


def read_lines(
    study: Path, start: int = 0, end: int = sys.maxsize
) -> Iterator[tuple[bytes, bytes]]:
    """Yields the ledger in chunks of whole lines, and an incomplete last line.

    ``start`` and ``end`` are positions in the file at which a line begins.

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

    A line that is not a row is added to ``damage``, so that each is one or the other.

    ``decode`` reads a line of a chunk that ``decoder`` refuses as a whole.
    """
    try:
        rows = decoder.decode_lines(lines)
        if len(rows) == lines.count(b"\n"):  # the decoder skips an empty line, which is damage
            return rows
    except (msgspec.DecodeError, UnicodeDecodeError):  # msgspec's ValidationError is one too
        pass  # the lines are read one by one, to find which
    rows = []
    for number, line in enumerate(lines.split(b"\n")[:-1], start=before + 1):
        try:
            rows.append((decode or decoder.decode)(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            damage.append(Damage(number, line.decode(errors="replace"), str(problem)))
    return rows


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Within, pauses the garbage collector, which takes a third of the time and finds no cycles."""
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


def check_opened(study: Path, rows: Iterable[SearchRow]) -> None:
    """Raises RecordError where a newer version wrote a ledger, or another study's rows follow."""
    opened = [row for row in rows if type(row) is Opened]
    newest = max((row.format for row in opened), default=0)
    if newest > FORMAT:
        raise RecordError(
            f"{study} was written in format {newest}, "
            f"this version reads up to {FORMAT}: update RankTune"
        )
    ids = list(dict.fromkeys(row.study_id for row in opened if row.study_id))
    if len(ids) > 1:
        raise RecordError(
            f"{study / LEDGER} holds the rows of {len(ids)} studies ({', '.join(ids)}): keep those "
            'of one, from its line of the type "opened" to the next such line'
        )
