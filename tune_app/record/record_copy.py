"""Copies a growing record to its storage in a thread, so that the search does not wait."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

from tune_app.record.shared_record import RECORD, Segment, SharedRecord, end_of, shared_part
from tune_app.record.storage import StorageFolder

COPY_SECONDS = 5.0
"""Interval between copies. A head that dies loses the rows of this interval and of one copy: ten
seconds at most, if the storage takes a megabyte in five."""

SEAL_BYTES = 1_000_000
"""A segment of this size is complete, and the next one begins."""

LONGEST_ROW_BYTES = 1_000_000

RETRY_SECONDS = 1.0
"""Interval between attempts while the storage refuses."""

PATIENCE_SECONDS = 30.0
"""How long the end of a search waits for a storage that takes nothing."""


class RecordCopy:
    """A context that keeps ``<storage>/record`` up to date with a growing ledger.

    ``size`` returns the number of bytes with whole rows. ``announce`` is called once, first, to
    enter the record in the storage's index. While the storage refuses, the thread tries again
    without a limit, and ``away_seconds`` tells for how long. ``lost_event`` is set when another
    driver continues the record.
    """

    def __init__(
        self,
        storage: str,
        ledger: Path,
        size: Callable[[], int],
        *,
        announce: Callable[[], None] = lambda: None,
        lost_event: threading.Event | None = None,
        every: float = COPY_SECONDS,
        seal_bytes: int = SEAL_BYTES,
    ) -> None:
        self._storage, self._ledger, self._size = storage, ledger, size
        self._announce, self._every, self._seal_bytes = announce, every, seal_bytes
        self._lost_event = lost_event or threading.Event()
        self._changed = threading.Condition()
        self._files: dict[str, Path] = {}
        self._record: SharedRecord | None = None
        self._driver = ""
        self._sealed: list[Segment] = []  # complete segments of the record, by any driver
        self._open: Segment | None = None
        self._replaced: list[Segment] = []  # segments that longer ones have replaced
        self._begun = self._superseded = False
        self._trying_since: float | None = None
        self._taken_at = 0.0
        self._problem = ""
        self._finishing = self._left = False
        self._thread = threading.Thread(target=self._work, daemon=True, name="record copy")

    def __enter__(self) -> RecordCopy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._left = True
            self._changed.notify_all()

    def add(self, *files: Path) -> None:
        """Also copies these files, under their names, as they are at that time, if they exist."""
        with self._changed:
            self._files |= {file.name: file for file in files}
            self._changed.notify_all()

    def finish(self, seconds: float = PATIENCE_SECONDS) -> bool:
        """Waits until everything is in the storage, or it has taken nothing for ``seconds``.

        Returns whether everything is. A slow storage may take longer, as long as it takes some.
        """
        with self._changed:
            self._finishing = True
            self._taken_at = time.monotonic()
            self._changed.notify_all()
            while not self._is_done():
                left = self._taken_at + seconds - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
            return True

    def settle(self, seconds: float) -> None:
        """Waits up to ``seconds`` for a copy in progress."""
        with self._changed:
            self._changed.wait_for(lambda: self._trying_since is None, seconds)

    @property
    def away_seconds(self) -> float:
        """For how long the storage has taken nothing; 0 where nothing waits."""
        since = self._trying_since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def problem(self) -> str:
        """The storage's last error, while it refuses; "" where there was none."""
        return self._problem

    def _is_done(self) -> bool:
        whole = self._begun and not self._files and self._copied == self._size()
        return whole or self._superseded

    @property
    def _copied(self) -> int:
        return self._open.end if self._open else end_of(self._sealed)

    def _work(self) -> None:
        while True:
            if not self._is_done():
                self._try()
            with self._changed:
                self._changed.notify_all()
                if self._left or (self._finishing and self._is_done()):
                    return
                self._changed.wait(RETRY_SECONDS if self._trying_since else self._every)

    def _try(self) -> None:
        self._trying_since = self._trying_since or time.monotonic()
        try:
            self._copy()
        except Exception as problem:  # any error: the thread continues, and the outage is reported
            self._problem = str(problem)
        else:
            self._trying_since, self._problem = None, ""
            self._remove_replaced()

    def _copy(self) -> None:
        """Copies everything that is new; nothing once a later driver continues the record."""
        if self._lost_event.is_set():  # writing would stop the driver that took over
            self._superseded = True
            return
        record = self._opened()
        if self._begun and record.newest_driver() != self._driver:
            self._superseded = True
            self._lost_event.set()
            return
        while self._copied < (size := self._size()):
            self._extend(record, size)
        if not self._begun:
            record.begin(
                self._driver,
                [segment for segment in self._sealed if segment.driver != self._driver],
            )
            self._begun = True
        for name, path in list(self._files.items()):
            if path.is_file():
                record.folder.write(f"{RECORD}/{name}", path.read_bytes())
            with self._changed:
                del self._files[name]
                self._taken()

    def _taken(self) -> None:
        """Notes that the storage has taken a piece: it is slow, but not away."""
        with self._changed:
            self._trying_since = self._taken_at = time.monotonic()

    def _opened(self) -> SharedRecord:
        """Opens the record and finds its segments that this ledger continues."""
        if self._record is None:
            self._announce()
            record = SharedRecord(StorageFolder(self._storage))
            common = shared_part(record.segments(), self._ledger)
            self._sealed = list(takewhile(lambda one: one.length >= self._seal_bytes, common))
            self._driver = record.next_driver()
            self._record = record
        return self._record

    def _extend(self, record: SharedRecord, size: int) -> None:
        """Writes the open segment again with the new rows, or a new one, up to its full size."""
        before = self._open
        start = before.start if before else end_of(self._sealed)
        with self._ledger.open("rb") as file:
            file.seek(start)
            content = file.read(min(size - start, self._seal_bytes + LONGEST_ROW_BYTES))
        content = _first_rows(content, self._seal_bytes)
        segment = Segment.of(self._driver, start, content)
        record.write(segment, content)
        self._taken()
        if segment.length >= self._seal_bytes:
            self._sealed.append(segment)
            self._open = None
        else:
            self._open = segment
        if before is not None:
            self._replaced.append(before)

    def _remove_replaced(self) -> None:
        """Removes segments that longer ones have replaced, after the copy.

        A removal is repeated for many seconds before it fails. A failure is not an outage, and a
        removal that is given up is not a sign that the storage works.
        """
        while self._record and self._replaced:
            with contextlib.suppress(OSError):
                self._record.remove(self._replaced.pop())


def _first_rows(content: bytes, least: int) -> bytes:
    """The first whole rows with at least ``least`` bytes together; all if they have fewer."""
    if len(content) <= least:
        return content
    return content[: content.index(b"\n", least - 1) + 1]
