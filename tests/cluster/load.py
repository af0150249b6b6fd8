"""How many processes compute at once on this machine: what a bound on seconds allows for."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Self

PERIOD_SECONDS = 0.5


class LoadWatch:
    """Counts the processes that compute, twice a second, from entering to leaving.

    The load average lags by a minute: a burst of work beside is over before it shows there.
    """

    def __init__(self) -> None:
        self._notes: list[tuple[float, int]] = []
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True, name="load")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._closed.wait(PERIOD_SECONDS):
            self._notes.append((time.time(), computing()))

    def mean(self, since: float, until: float) -> float:
        """Of the counts between two moments, in seconds since 1970; 0 where there are none."""
        counts = [count for moment, count in self._notes if since <= moment <= until]
        return sum(counts) / max(1, len(counts))


def computing() -> int:
    """Processes that have or wait for a core, without this one."""
    return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0]) - 1


def slowdown_at(load: float) -> float:
    """How many times as long anything may take where others compute beside; 3 at most."""
    return min(3.0, max(1.0, load / (os.cpu_count() or 1)))
