"""A study's record in its storage, from which a head with an empty disk continues.

Object stores cannot append, so the ledger is stored in segments, each written once::

    record/runs/NUMBER-TOKEN.json                            a driver, and the pieces it builds on
    record/segments/NUMBER-TOKEN/START-LENGTH-DIGEST.jsonl   bytes of the ledger from START on
    record/study.json, record/report.html, …                 copies, replaced as a whole

A driver writes only under its own number. A driver that was suspended and resumes therefore cannot
damage the record of its successor, which has a higher number.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import msgspec

from trainables.files.whole_file import write_whole
from tune_app.record.storage import StorageFolder

RECORD = "record"


class SharedRecordError(ValueError):
    """The record in a storage is damaged; the message names the file."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes of the ledger from ``start`` on, written by ``driver``, with their digest."""

    driver: str
    start: int
    length: int
    digest: str

    @property
    def end(self) -> int:
        """The position in the ledger after its last byte."""
        return self.start + self.length

    @property
    def name(self) -> str:
        """Its path below the folder of segments."""
        return f"{self.driver}/{self.start:012d}-{self.length}-{self.digest}.jsonl"

    @classmethod
    def of(cls, driver: str, start: int, content: bytes) -> Segment:
        """The segment of this content."""
        return cls(driver, start, len(content), _digest(content))

    @classmethod
    def parse(cls, name: str) -> Segment | None:
        """The segment of this name; None where it is not a segment's name."""
        match = re.fullmatch(r"([^/]+)/(\d+)-(\d+)-([0-9a-f]+)\.jsonl", name)
        return cls(match[1], int(match[2]), int(match[3]), match[4]) if match else None

    def holds(self, content: bytes) -> bool:
        """Whether the content has its length and digest."""
        return len(content) == self.length and _digest(content) == self.digest


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


class SharedRecord:
    """Reads and writes the record of one study; ``folder`` is the study's in the storage."""

    def __init__(self, folder: StorageFolder) -> None:
        self.folder = folder

    def segments(self) -> list[Segment]:
        """The segments of the newest driver's record, each beginning where the previous one ends.

        Of several with the same start the longest counts. Empty where there is no record.
        """
        driver = self.newest_driver()
        if not driver:
            return []
        chain = self._base(driver)
        own = self._of(driver)
        while following := [
            segment for segment in own if segment.start == end_of(chain) and segment.length
        ]:
            chain.append(max(following, key=lambda one: one.length))
        return chain

    def newest_driver(self) -> str:
        """The name of the latest driver; "" where there is none."""
        runs = self.folder.names(f"{RECORD}/runs")
        return runs[-1].removesuffix(".json") if runs else ""

    def _base(self, driver: str) -> list[Segment]:
        content = self.folder.read(f"{RECORD}/runs/{driver}.json")
        names = msgspec.json.decode(content, type=list[str])
        return [segment for name in names if (segment := Segment.parse(name))]

    def _of(self, driver: str) -> list[Segment]:
        names = self.folder.names(f"{RECORD}/segments/{driver}")
        return [segment for name in names if (segment := Segment.parse(f"{driver}/{name}"))]

    def read(self, segment: Segment) -> bytes:
        """The segment's bytes.

        Raises:
            SharedRecordError: where they differ from what was written, or are missing.
        """
        name = f"{RECORD}/segments/{segment.name}"
        try:
            content = self.folder.read(name)
        except FileNotFoundError:
            content = b""
        if not segment.holds(content):
            raise SharedRecordError(f"{name} is missing or does not hold what was written")
        return content

    def content(self) -> bytes:
        """The whole ledger.

        The last segment may be incomplete; a shorter one with the same start then takes its place.
        While its driver runs, a longer one may replace it during the reading, which is repeated.

        Raises:
            SharedRecordError: where an earlier segment is damaged.
        """
        for _ in range(2):
            with contextlib.suppress(SharedRecordError):
                return self._content()
        return self._content()

    def _content(self) -> bytes:
        segments = self.segments()
        parts = [self.read(segment) for segment in segments[:-1]]
        parts += [self._longest_whole(last) for last in segments[-1:]]
        return b"".join(parts)

    def _longest_whole(self, last: Segment) -> bytes:
        same = [segment for segment in self._of(last.driver) if segment.start == last.start] or [
            last
        ]
        for segment in sorted(same, key=lambda one: one.length, reverse=True):
            try:
                return self.read(segment)
            except SharedRecordError:
                continue
        return self.read(last)  # raises the error

    def write(self, segment: Segment, content: bytes) -> None:
        """Writes a segment."""
        self.folder.write(f"{RECORD}/segments/{segment.name}", content)

    def remove(self, segment: Segment) -> None:
        """Removes a segment that a longer one has replaced."""
        self.folder.remove(f"{RECORD}/segments/{segment.name}")

    def begin(self, driver: str, base: Sequence[Segment]) -> None:
        """Makes the record consist of ``base`` and what ``driver`` writes after it."""
        content = msgspec.json.encode([segment.name for segment in base])
        self.folder.write(f"{RECORD}/runs/{driver}.json", content)

    def next_driver(self) -> str:
        """The name for a new driver; names of later drivers sort after it."""
        number = int(self.newest_driver().partition("-")[0] or 0) + 1
        return f"{number:06d}-{secrets.token_hex(4)}"

    def fetch(self, name: str, path: Path) -> bool:
        """Copies a file of the record to ``path``; returns whether it exists."""
        try:
            content = self.folder.read(f"{RECORD}/{name}")
        except FileNotFoundError:
            return False
        write_whole(path, content)
        return True


def end_of(segments: Sequence[Segment]) -> int:
    """The number of bytes of the ledger that the segments hold."""
    return segments[-1].end if segments else 0


def shared_part(segments: Sequence[Segment], ledger: Path) -> list[Segment]:
    """The first segments whose bytes are equal to those of a ledger on this disk."""
    with ledger.open("rb") as file:
        return list(takewhile(lambda one: one.holds(file.read(one.length)), segments))
