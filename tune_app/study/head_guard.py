"""Ends a process that Ray would hold: its cluster lost its head, or never answers."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from tune_app.command.errors import HeadLostError, RayLostError
from tune_app.nodes.liveness import check_alive
from tune_app.session.signal_handler import SignalHandler
from tune_app.study.shutdown_watchdog import LOST_HEAD_SECONDS, OVERTIME_SECONDS


class HeadGuard:
    """A context around a study's opening, search and closing.

    Ray holds a process for two minutes after the loss of its head, and for ever at an address where
    something listens that is no Ray, whatever signal came. ``end`` is called before the process
    ends, and returns its exit code.
    """

    def __init__(self, end: Callable[[RayLostError], int], signals: SignalHandler) -> None:
        self._on_end: Callable[[RayLostError], int] | None = end
        self._signals: SignalHandler | None = signals
        self._left = threading.Event()

    def __enter__(self) -> HeadGuard:
        threading.Thread(target=self._watch, name="head guard", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()

    def leave_to_the_search(self) -> None:
        """From here on the search ends after a signal or without a head, and closes its record."""
        self._on_end = self._signals = None

    def search_has_ended(self, exit_code: int) -> None:
        """From here on a lost head ends the process with this code."""
        self._on_end = lambda problem: exit_code

    def _watch(self) -> None:
        while not self._left.wait(1.0):
            signals = self._signals
            if signals is not None and time.monotonic() > signals.deadline + OVERTIME_SECONDS:
                self._end(RayLostError("Ray does not answer"), signals.exit_code)
            try:
                check_alive(ask=False)
            except HeadLostError as problem:
                if not self._left.wait(LOST_HEAD_SECONDS):
                    self._end(problem)
            except RayLostError:
                continue  # this machine's own Ray, whose calls raise

    def _end(self, problem: RayLostError, exit_code: int = 0) -> None:
        if self._on_end is not None:
            code = self._on_end(problem)
            os._exit(exit_code or code)
