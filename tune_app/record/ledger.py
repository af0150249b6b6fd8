"""Appends to the ledger: a log with one writer, which loses no acknowledged row."""

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
"""Rows are forced to the disk within this time, and rows that end something at once. This protects
against a loss of power; a driver that is killed loses no rows in any case."""

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


class LedgerError(OSError):
    """The ledger cannot be written: its disk stayed full, or refuses. The message has a remedy."""


class Ledger:
    """An open ledger.

    A batch of rows is one ``write`` in append mode. A driver that is killed leaves at most one
    incomplete line, the last; opening the ledger again removes it.

    ``repaired`` is that incomplete line (None if there was none). ``wait_for_space(needed_bytes)``
    is called while the disk is full; it blocks for a while and returns whether to try again.
    ``failure`` is the reason why the ledger cannot be written any more, "" while it can. Later rows
    are dropped, and a search that continues from the ledger trains them again from checkpoints.
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
            LedgerError: the first time that they cannot be written; the ledger is then unchanged.
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
        """Number of bytes with whole rows."""
        return self._size

    def sync_if_due(self) -> None:
        """Forces the rows to disk if ``SYNC_SECONDS`` have passed since the last time."""
        if time.monotonic() - self._synced_at >= SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Forces the rows to disk."""
        if self._unsynced and not self.failure:
            try:
                os.fdatasync(self._file)
            except OSError as problem:
                self._fail(problem)
            self._unsynced = False
        self._synced_at = time.monotonic()

    def close(self) -> None:
        """Forces the rows to disk and closes the file; may be called twice."""
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
        problem_of_file = OSError(problem.errno, problem.strerror, str(self.path))
        self.failure = f"the record cannot be written: {file_problem(problem_of_file)}"
        raise LedgerError(self.failure) from problem


def _repair(file: int) -> str | None:
    """Removes and returns an incomplete last line; a whole row without a line end gets one."""
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
    """The bytes after the last newline."""
    tail = b""
    while size > len(tail) and b"\n" not in tail:
        start = max(0, size - len(tail) - block)
        tail = os.pread(file, size - len(tail) - start, start) + tail
    return tail.rpartition(b"\n")[2]
