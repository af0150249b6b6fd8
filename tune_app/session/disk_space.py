"""A full disk pauses a search, and ends it when the disk stays full."""

from __future__ import annotations

import time
from pathlib import Path

import humanize

from trainables.text.duration import format_duration
from trainables.training.checkpoints.time_limit import NoAnswerError, within
from tune_app.command.output import LOG
from tune_app.deciding.halt import Halt
from tune_app.record.storage import free_bytes

FULL_DISK_SECONDS = 600.0
"""Seconds that a search waits for room on its disk before it ends."""


ANSWER_SECONDS = 1.0
"""How long the disk may take to answer."""


class DiskSpace:
    """Watches the room in ``storage``: ``needed_bytes`` must be free before a trial starts."""

    def __init__(self, storage: str, needed_bytes: int, halt: Halt) -> None:
        self.storage, self.needed_bytes, self.halt = storage, needed_bytes, halt
        self._full_since: float | None = None
        self._ask_after = 0.0

    def has_room(self) -> bool:
        """Whether another trial may start.

        Returns False while the disk is full; after ``FULL_DISK_SECONDS`` it halts the search.
        """
        free = self._free()
        if free is None or free >= self.needed_bytes:
            if self._full_since is not None:
                LOG.info("the disk has room again: the search continues")
            self._full_since = None
            return True
        self._note_full(self.storage, self.needed_bytes, free)
        return False

    def _free(self) -> int | None:
        """None where it is unknown, or a shared folder hangs: the search does not wait for that."""
        if time.monotonic() < self._ask_after:
            return None
        try:
            return within(ANSWER_SECONDS, lambda: free_bytes(self.storage))
        except NoAnswerError:
            self._ask_after = time.monotonic() + 10 * ANSWER_SECONDS
            return None

    def wait(self, folder: Path, needed_bytes: int) -> bool:
        """Waits a second; whether the ledger, which found no room in ``folder``, tries again."""
        self._note_full(str(folder), needed_bytes, 0)
        time.sleep(1.0)
        return not self.halt.reason

    def _note_full(self, place: str, needed: int, free: int) -> None:
        limit = format_duration(FULL_DISK_SECONDS)
        if self._full_since is None:
            self._full_since = time.monotonic()
            need, have = humanize.naturalsize(needed), humanize.naturalsize(free)
            LOG.info(
                "the disk is full: %s are needed in %s, %s are free; waiting up to %s for room",
                *(need, place, have, limit),
            )
        elif time.monotonic() - self._full_since > FULL_DISK_SECONDS:
            self.halt(f"the disk stayed full for {limit}")
