"""Ends a driver that hangs in Ray, and still closes the record."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from tune_app.command.errors import HeadLostError, RayLostError
from tune_app.command.output import LOG
from tune_app.nodes.liveness import check_alive
from tune_app.session.session import Session
from tune_app.study.finalize import Outcome, write_results

OVERTIME_SECONDS = 9.0
"""After the session's own deadline; Ray's clean-up takes five seconds."""

DEAD_RAY_SECONDS = 30.0
"""The session notices within a second that Ray has died, and starts it anew. If a Ray call blocks
after Ray has died, the session stops polling, and Ray would end this process some time later."""


LOST_HEAD_SECONDS = 2.0
"""A head was asked for twelve seconds before it counts as lost, and nothing starts it anew."""


class ShutdownWatchdog:
    """Watches the session from a thread until ``disarm``.

    It ends the process when the search's end is overdue, when Ray has kept the session from polling
    for longer than a standstill may last, or when Ray has died and a call to it blocks. ``close``
    closes the record first, and the results are written; ``command`` is the one that continues.
    """

    def __init__(self, session: Session, close: Callable[[], Outcome], command: str) -> None:
        self.session, self.close, self.command = session, close, command
        self._disarmed = threading.Event()
        self._dead_since = float("inf")
        self._thread = threading.Thread(target=self._watch, name="shutdown_watchdog", daemon=True)

    def __enter__(self) -> ShutdownWatchdog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.disarm()

    def disarm(self) -> None:
        """Stops watching: the search has ended by itself."""
        self._disarmed.set()

    def _watch(self) -> None:
        while not self._disarmed.wait(1.0):
            now, session = time.monotonic(), self.session
            if session.abandoned:
                self._end(session.abandoned)
            idle = now - session.polled_at if session.polled_at else 0.0
            late = now > session.signals.deadline + OVERTIME_SECONDS
            if late or idle > session.watchdog.timeouts.standstill:
                self._end("Ray does not answer")
            elif ended := self._blocked_by_dead_ray(now):
                self._end(ended)

    def _blocked_by_dead_ray(self, now: float) -> str:
        """Which part of Ray died long ago, if the session has not polled since; else ""."""
        try:
            check_alive(ask=False)
        except RayLostError as problem:
            self._dead_since = min(self._dead_since, now)
            blocked = self.session.polled_at < self._dead_since
            patience = LOST_HEAD_SECONDS if isinstance(problem, HeadLostError) else DEAD_RAY_SECONDS
            if blocked and now > self._dead_since + patience:
                return str(problem)
        else:
            self._dead_since = float("inf")
        return ""

    def _end(self, reason: str) -> None:
        session = self.session
        session.dispatcher.halt(reason)
        if not session.abandoned:
            LOG.info("a call to Ray does not return: the record is closed without it")
        outcome = self.close()
        session.ledger.sync()
        write_results(outcome.folder, copy=session.copy)
        outcome.log(self.command)
        os._exit(outcome.exit_code or 1)
