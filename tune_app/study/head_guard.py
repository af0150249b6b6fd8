"""Ends a process that Ray would hold for two minutes, since its cluster has lost its head."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from tune_app.command.errors import HeadLostError, RayLostError
from tune_app.nodes.liveness import check_alive
from tune_app.study.shutdown_watchdog import LOST_HEAD_SECONDS


class HeadGuard:
    """A context around a study's opening, search and closing.

    ``end`` is called before the process ends, and returns its exit code. None leaves a lost head to
    the search, which closes its record first.
    """

    def __init__(self, end: Callable[[RayLostError], int] | None) -> None:
        self.end = end
        self._left = threading.Event()

    def __enter__(self) -> HeadGuard:
        threading.Thread(target=self._watch, name="head guard", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()

    def _watch(self) -> None:
        while not self._left.wait(1.0):
            try:
                check_alive(ask=False)
            except HeadLostError as problem:
                if not self._left.wait(LOST_HEAD_SECONDS) and self.end is not None:
                    os._exit(self.end(problem))
            except RayLostError:
                continue  # this machine's own Ray, whose calls raise
