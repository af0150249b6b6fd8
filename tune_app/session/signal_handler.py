"""Signals and time budgets: the first signal asks for an orderly end, the second ends at once."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from trainables.config.interruption import SIGNALS
from tune_app.command.output import LOG

REPEAT_SECONDS = 0.5
"""``timeout`` and terminals signal the process and then its group: that is one request."""

GRACE_SECONDS = 15.0
"""Seconds that trials have to save and end; Ray then has ten more to end the rest."""


@contextlib.contextmanager
def signals_kept() -> Iterator[None]:
    """Puts signal handlers back that C code replaces within, whichever thread this is.

    Ray's core sets a handler for SIGTERM as it starts, which prints a stack and aborts, and none as
    it stops, so that SIGTERM ends the process. ``signal.signal`` works in the main thread alone,
    which may be reading a data set just then.
    """
    handler_of, set_handler = ctypes.pythonapi.PyOS_getsig, ctypes.pythonapi.PyOS_setsig
    handler_of.restype = set_handler.restype = ctypes.c_void_p
    set_handler.argtypes = (ctypes.c_int, ctypes.c_void_p)
    before = {number: handler_of(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            set_handler(number, handler)


@dataclass
class SignalHandler:
    """Catches ``SIGNALS`` from entering to leaving; after a signal, to the process's end.

    ``signal`` is the first one that came, 0 for none; ``deadline`` the monotonic time when whatever
    still runs is to be ended. A second signal ends the process at once, however far its end has
    come, with the code of the first: what is on record stays. Under ``nohup`` SIGHUP stays ignored.
    ``consequence`` is what follows from a first signal just now, in words.
    """

    consequence: str = "no trial begins"
    signal: int = 0
    deadline: float = float("inf")
    _first_at: float = 0.0
    _before: dict[int, Any] = field(default_factory=dict)

    def __enter__(self) -> SignalHandler:
        for number in SIGNALS:
            self._before[number] = signal.getsignal(number)
            if number != signal.SIGHUP or self._before[number] != signal.SIG_IGN:
                signal.signal(number, self._caught)
        return self

    def __exit__(self, *_: object) -> None:
        if not self.signal:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    @property
    def exit_code(self) -> int:
        """130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + self.signal

    def stop_in(self, seconds: float) -> None:
        """Sets the deadline, unless there is an earlier one."""
        self.deadline = min(self.deadline, time.monotonic() + seconds)

    def begin(self, consequence: str) -> None:
        """From here on a first signal has another consequence."""
        self.consequence = consequence

    def _caught(self, number: int, frame: FrameType | None) -> None:
        if self.signal and time.monotonic() - self._first_at < REPEAT_SECONDS:
            return
        if self.signal:
            os.write(2, b"\nstopped at once; the same command continues\n")
            os._exit(self.exit_code)
        self.signal, self._first_at = number, time.monotonic()
        self.stop_in(GRACE_SECONDS)
        name = signal.Signals(number).name
        LOG.info("%s: %s; a second one stops at once", name, self.consequence)
