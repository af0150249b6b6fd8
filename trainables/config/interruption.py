"""How a program ends: a signal prints "interrupted", and nothing waits for a call that hangs.

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

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a program: Ctrl-C, ``kill`` and ``timeout``, a terminal that is closed or lost."""

INTERRUPTED = 130
"""The exit code of Ctrl-C, by the convention of shells: 128 plus the signal's number."""

HUNG: list[threading.Thread] = []
"""Threads with calls that were given up: libraries would wait for them at the process's end."""


TICK_SECONDS = 0.1
MOST_TICKS, MOST_TICKS_OF_AN_IMPORT = 30, 10
REPEAT_TICKS = 5
"""``timeout`` signals a process and then its group: what comes so soon is one Ctrl-C."""


class Interruption:
    """A handler that raises KeyboardInterrupt once, as soon as nothing is being imported.

    C++ code in a library's import, as in torch's, drops an exception or aborts the process. An
    import that takes another second is ended with the process, as is a program that has not ended
    within three; another signal ends it at once. ``signal`` is the first one that came, 0 for none.
    """

    def __init__(self) -> None:
        self.signal = 0
        self.ticks = 0
        self.is_raised = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """For one of ``SIGNALS``, and then for the alarm that it sets."""
        self.signal = self.signal or number
        successor: object = signal.getsignal(self.signal)
        if successor is not self:  # a search, which began meanwhile
            self.stop()
            if callable(successor):
                successor(self.signal, frame)
            return
        is_another = number in SIGNALS and self.ticks > REPEAT_TICKS
        self.ticks += 1
        most = MOST_TICKS if self.is_raised else MOST_TICKS_OF_AN_IMPORT
        if is_another or self.ticks > most:
            exit_interrupted(self.signal)
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
    """Wraps a main function so that signals and a lack of memory end it without a traceback.

    A program with a call that hangs (to S3, say, which is tried for two minutes) ends at once.
    """

    def run(*arguments: Arguments.args, **keywords: Arguments.kwargs) -> int:
        # of a program all but those that are ignored, as by nohup; of a caller of main none
        handled = [number for number in SIGNALS if signal.getsignal(number) is exit_interrupted]
        interruption = Interruption()
        try:
            for number in handled:  # from here on they raise, so that open files are closed
                signal.signal(number, interruption)
            code = main(*arguments, **keywords)
            interruption.stop()
            if not interruption.is_raised:  # else it was dropped
                for number in handled:
                    if signal.getsignal(number) is interruption:
                        signal.signal(number, exit_interrupted)
                if handled and any(thread.is_alive() for thread in HUNG):
                    _exit_without_waiting(code)
                return code
        except KeyboardInterrupt:
            pass
        except Exception as problem:
            # click, and the copy of it that typer contains, make a RuntimeError of a Ctrl-C; torch,
            # as it imports numpy, drops it, and what is half imported then fails
            if not interruption.ticks and not isinstance(problem.__cause__, KeyboardInterrupt):
                from trainables.files.memory_problem import memory_problem

                if (refused := memory_problem(problem)) is None:
                    raise
                interruption.stop()
                print(f"error: {refused}", file=sys.stderr)
                return 2
        interruption.stop()
        for number in handled:  # another one has nothing to add
            signal.signal(number, signal.SIG_IGN)
        exec("")  # clears Python's mark of a Ctrl-C in code from a string: it would kill itself
        came = interruption.signal or int(signal.SIGINT)
        _say(came)
        return 128 + came

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
    _say(number)
    os._exit(128 + number)


def _say(number: int) -> None:
    name = {int(signal.SIGTERM): " by SIGTERM", int(signal.SIGHUP): " by SIGHUP"}.get(number, "")
    try:  # noqa: SIM105  # contextlib is a library more
        os.write(2, f"interrupted{name}\n".encode())
    except OSError:  # a terminal that is gone
        pass
