"""How a program ends: Ctrl-C prints "interrupted", and nothing waits for a call that hangs.

Imports only modules that Python has loaded at its start.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if not TYPE_CHECKING:  # signal itself imports enum and functools: ten times all that is done here
    import _signal as signal
else:  # typing, too, would take milliseconds
    import signal
    import threading
    from collections.abc import Callable
    from types import FrameType
    from typing import ParamSpec

    Arguments = ParamSpec("Arguments")

INTERRUPTED = 130
"""The exit code, by the convention of shells: 128 plus the signal's number."""

HUNG: list[threading.Thread] = []
"""Threads with calls that were given up: libraries would wait for them at the process's end."""


TICK_SECONDS = 0.1
MOST_TICKS, MOST_TICKS_OF_AN_IMPORT = 30, 10
REPEAT_TICKS = 5
"""``timeout`` signals a process and then its group: what comes so soon is one Ctrl-C."""


class CtrlC:
    """A handler that raises KeyboardInterrupt once, as soon as nothing is being imported.

    C++ code in a library's import, as in torch's, drops an exception or aborts the process. An
    import that takes another second is ended with the process, as is a program that has not ended
    within three; another Ctrl-C ends it at once.
    """

    def __init__(self) -> None:
        self.ticks = 0
        self.is_raised = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """For Ctrl-C, and then for the alarm that it sets."""
        successor: object = signal.getsignal(signal.SIGINT)
        if successor is not self:  # a search, which began meanwhile
            self.stop()
            if callable(successor):
                successor(signal.SIGINT, frame)
            return
        is_another = number == signal.SIGINT and self.ticks > REPEAT_TICKS
        self.ticks += 1
        most = MOST_TICKS if self.is_raised else MOST_TICKS_OF_AN_IMPORT
        if is_another or self.ticks > most:
            exit_interrupted(signal.SIGINT)
        if self.ticks == 1:
            signal.signal(signal.SIGALRM, self)
            signal.setitimer(signal.ITIMER_REAL, TICK_SECONDS, TICK_SECONDS)
        if not self.is_raised and not _is_importing(frame):
            self.is_raised = True
            raise KeyboardInterrupt

    def stop(self) -> None:
        """Ends the alarm."""
        if self.ticks:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def interruptible(main: Callable[Arguments, int]) -> Callable[Arguments, int]:
    """Wraps a program's main function so that Ctrl-C ends it without a traceback.

    A program with a call that hangs (to S3, say, which is tried for two minutes) ends at once.
    """

    def run(*arguments: Arguments.args, **keywords: Arguments.kwargs) -> int:
        is_program = signal.getsignal(signal.SIGINT) is exit_interrupted
        ctrl_c = CtrlC()
        try:
            if is_program:  # from here on Ctrl-C raises, so that open files are closed
                signal.signal(signal.SIGINT, ctrl_c)
            code = main(*arguments, **keywords)
            ctrl_c.stop()
            if not ctrl_c.is_raised:  # else it was dropped
                if is_program and signal.getsignal(signal.SIGINT) is ctrl_c:
                    signal.signal(signal.SIGINT, exit_interrupted)
                if is_program and any(thread.is_alive() for thread in HUNG):
                    _exit_without_waiting(code)
                return code
        except KeyboardInterrupt:
            pass
        except Exception as problem:
            # click, and the copy of it that typer contains, make a RuntimeError of a Ctrl-C; torch,
            # as it imports numpy, drops it, and what is half imported then fails
            if not ctrl_c.ticks and not isinstance(problem.__cause__, KeyboardInterrupt):
                raise
        ctrl_c.stop()
        if is_program:  # another Ctrl-C has nothing to add
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        exec("")  # clears Python's mark of a Ctrl-C in code from a string: it would kill itself
        print("interrupted", file=sys.stderr)
        return INTERRUPTED

    run.__doc__ = main.__doc__
    return run


def _exit_without_waiting(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed, or there is none
            continue
    os._exit(code)


def exit_interrupted(number: int, frame: FrameType | None = None) -> None:
    """Ends the process at once; for the times when no file is open, before and after ``main``."""
    os.write(2, b"interrupted\n")
    os._exit(128 + number)
