"""Ends an opening whose cluster has lost its head: Ray would hold it for two minutes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from tune_app.command.errors import HeadLostError, RayLostError
from tune_app.nodes.liveness import check_alive
from tune_app.study.shutdown_watchdog import LOST_HEAD_SECONDS


class OpeningWatchdog:
    """A context. ``tell`` is given the reason before the process ends with exit code 1."""

    def __init__(self, tell: Callable[[RayLostError], object]) -> None:
        self._tell = tell
        self._opened = threading.Event()

    def __enter__(self) -> OpeningWatchdog:
        threading.Thread(target=self._watch, name="opening_watchdog", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.set()

    def _watch(self) -> None:
        while not self._opened.wait(1.0):
            try:
                check_alive(ask=False)
            except HeadLostError as problem:
                if not self._opened.wait(LOST_HEAD_SECONDS):
                    self._tell(problem)
                    os._exit(1)
            except RayLostError:
                continue  # this machine's own Ray, whose calls raise
