"""Ends a driver that Ray has hung: the record is closed all the same."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from tune_app.command.errors import RayLostError
from tune_app.nodes.liveness import check_alive
from tune_app.session.session import Session
from tune_app.study.closing import Outcome, write_results

OVERTIME_SECONDS = 9.0
"""Past the session's own deadline; Ray's clean-up takes five."""

DEAD_RAY_SECONDS = 30.0
"""The session's next look finds that Ray has ended, and starts it anew, within a second; where a
call blocks on the dead, no look comes, and Ray would end this process some time later."""


class Deadman:
    """Watches from a thread; ``close`` closes the record, ``command`` continues it. After ``rest``
    it lets go.

    When the search's end is overdue, or Ray has not let the session have a look for longer than a
    standstill may last or since its own end, results are written from here and the process ends.
    """

    def __init__(self, session: Session, close: Callable[[], Outcome], command: str) -> None:
        self.session, self.close, self.command = session, close, command
        self._resting = threading.Event()
        self._dead_since = float("inf")
        self._thread = threading.Thread(target=self._watch, name="deadman", daemon=True)

    def __enter__(self) -> Deadman:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.rest()

    def rest(self) -> None:
        """The search has ended by itself."""
        self._resting.set()

    def _watch(self) -> None:
        while not self._resting.wait(1.0):
            now, session = time.monotonic(), self.session
            asleep = session.looked and now - session.looked > session.watchdog.patience.standstill
            if asleep or now > session.interrupt.deadline + OVERTIME_SECONDS:
                self._end("Ray hangs")
            elif ended := self._blocked_on_the_dead(now):
                self._end(f"{ended}, and a call to it hangs")

    def _blocked_on_the_dead(self, now: float) -> str:
        """Which part of Ray ended long ago, if the session has not had a look since."""
        try:
            check_alive(ask=False)
        except RayLostError as problem:
            self._dead_since = min(self._dead_since, now)
            if now > self._dead_since + DEAD_RAY_SECONDS and self.session.looked < self._dead_since:
                return str(problem)
        else:
            self._dead_since = float("inf")
        return ""

    def _end(self, reason: str) -> None:
        session = self.session
        session.dispatcher.halt(reason)
        session.progress.say("Ray does not end the search: the record is closed without it")
        outcome = self.close()
        session.ledger.sync()
        write_results(outcome.folder, session.progress.say)
        outcome.tell(self.command, session.progress.say)
        os._exit(outcome.exit_code or 1)
