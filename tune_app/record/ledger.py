"""Appends to the ledger: one writer, one log; no acknowledged row is lost."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec

from analysis.record.record import encode
from analysis.record.rows import FORMAT, AnyRow, Closed, Ended, Opened
from trainables.files.file_problem import file_problem
from trainables.files.study_folder import LEDGER

SYNC_SECONDS = 1.0
"""Rows reach the disk's surface within this time, one that ends something at once. A driver that is
killed loses none either way: this is about machines that lose power."""

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


class LedgerError(OSError):
    """The ledger cannot be written: its disk stayed full, or refuses; says what to do."""


class Ledger:
    """An open ledger.

    A batch of rows is one ``write`` in append mode. A driver that is killed leaves at most one torn
    line, the last; opening the ledger again removes it.

    ``repaired`` is that torn line (None if there was none). ``wait_for_space(needed_bytes)`` is
    asked while the disk is full; it blocks for a while and says whether to try again. ``failure``
    says why the ledger cannot be written any more, "" while it can: rows that come later are
    dropped, and a search that goes on from it trains them from checkpoints.
    """

    def __init__(
        self,
        study: Path,
        *,
        name: str = "",
        study_id: str = "",
        clock: Callable[[], float] = time.time,
        wait_for_space: Callable[[int], bool] = lambda needed_bytes: False,
    ) -> None:
        self.path = study / LEDGER
        self.clock = clock
        self.wait_for_space = wait_for_space
        self.failure = ""
        study.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._unsynced = False
        self._synced_at = time.monotonic()
        self.repaired = _repair(self._file)
        self._size = os.fstat(self._file).st_size
        if self._size == 0:
            self.append(Opened(FORMAT, name or study.name, clock(), study_id))

    def append(self, *rows: AnyRow) -> None:
        """Writes the rows, all or none.

        Raises:
            LedgerError: the first time that it cannot; the ledger is as it was before.
        """
        if not rows or self.failure:
            return
        self._write(encode(rows))
        self._unsynced = True
        if any(isinstance(row, Ended | Closed) for row in rows):
            self.sync()
        else:
            self.sync_if_due()

    @property
    def size(self) -> int:
        """Bytes that hold whole rows."""
        return self._size

    def sync_if_due(self) -> None:
        """Forces the rows to disk when the last time is ``SYNC_SECONDS`` ago."""
        if time.monotonic() - self._synced_at >= SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Forces what was written to disk."""
        if self._unsynced and not self.failure:
            try:
                os.fdatasync(self._file)
            except OSError as problem:
                self._fail(problem)
            self._unsynced = False
        self._synced_at = time.monotonic()

    def close(self) -> None:
        """Forces what was written to disk and closes the file; closing twice is fine."""
        if self._file >= 0:
            try:
                self.sync()
            finally:
                os.close(self._file)
                self._file = -1

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, line: bytes) -> None:
        while True:
            try:
                written = os.write(self._file, line)
            except OSError as problem:
                if problem.errno not in FULL_DISK:
                    self._fail(problem)
                written = 0
            if written == len(line):
                self._size += written
                return
            try:
                os.ftruncate(self._file, self._size)  # a short write: the disk filled up half-way
            except OSError as problem:
                self._fail(problem)
            if not self.wait_for_space(len(line)):
                self._fail(OSError(errno.ENOSPC, f"no room for {len(line)} bytes more"))

    def _fail(self, problem: OSError) -> NoReturn:
        named = OSError(problem.errno, problem.strerror, str(self.path))
        self.failure = f"the record cannot be written: {file_problem(named)}"
        raise LedgerError(self.failure) from problem


def _repair(file: int) -> str | None:
    """Cuts off and returns an unfinished last line; a row that lacks only its end is kept."""
    size = os.fstat(file).st_size
    tail = _last_line(file, size)
    if not tail:
        return None
    try:
        msgspec.json.decode(tail, type=AnyRow)
    except (msgspec.DecodeError, UnicodeDecodeError):
        os.ftruncate(file, size - len(tail))
        return tail.decode(errors="replace")
    os.write(file, b"\n")
    return None


def _last_line(file: int, size: int, block: int = 65536) -> bytes:
    """What follows the last newline."""
    tail = b""
    while size > len(tail) and b"\n" not in tail:
        start = max(0, size - len(tail) - block)
        tail = os.pread(file, size - len(tail) - start, start) + tail
    return tail.rpartition(b"\n")[2]
