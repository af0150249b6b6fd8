"""Ends a driver that Ray has hung: the record is closed all the same."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from tune_app.closing import Outcome, write_results
from tune_app.session import Session

OVERTIME_SECONDS = 9.0
"""Past the session's own deadline; Ray's clean-up takes five."""


class Deadman:
    """Watches from a thread; ``close`` closes the record. After ``rest`` it lets go.

    When the search's end is overdue, or Ray has not let the session have a look for longer than a
    standstill may last, results are written from here and the process ends.
    """

    def __init__(self, session: Session, close: Callable[[], Outcome]) -> None:
        self.session, self.close = session, close
        self._resting = threading.Event()
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
            if self._overdue():
                self._end()

    def _overdue(self) -> bool:
        now, session = time.monotonic(), self.session
        asleep = session.looked and now - session.looked > session.watchdog.patience.standstill
        return asleep or now > session.interrupt.deadline + OVERTIME_SECONDS

    def _end(self) -> None:
        session = self.session
        session.dispatcher.halt("Ray hangs")
        session.progress.say("Ray does not end the search: the record is closed without it")
        outcome = self.close()
        session.ledger.sync()
        write_results(outcome.folder, session.progress.say)
        for line in outcome.lines():
            session.progress.say(line)
        os._exit(outcome.exit_code or 1)
