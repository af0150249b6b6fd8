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


def interruptible(main: Callable[Arguments, int]) -> Callable[Arguments, int]:
    """Wraps a program's main function so that Ctrl-C ends it without a traceback.

    A program with a call that hangs (to S3, say, which is tried for two minutes) ends at once.
    """

    def run(*arguments: Arguments.args, **keywords: Arguments.kwargs) -> int:
        is_program = signal.getsignal(signal.SIGINT) is exit_interrupted
        came = False

        def interrupt(number: int, frame: FrameType | None) -> None:
            nonlocal came
            came = True
            raise KeyboardInterrupt

        try:
            if is_program:  # from here on Ctrl-C raises, so that open files are closed
                signal.signal(signal.SIGINT, interrupt)
            code = main(*arguments, **keywords)
            if is_program and signal.getsignal(signal.SIGINT) is interrupt:
                signal.signal(signal.SIGINT, exit_interrupted)
            if is_program and any(thread.is_alive() for thread in HUNG):
                _exit_without_waiting(code)
            return code
        except KeyboardInterrupt:
            pass
        except Exception as problem:
            # click, and the copy of it that typer contains, make a RuntimeError of a Ctrl-C; torch,
            # as it imports numpy, drops it, and what is half imported then fails
            if not came and not isinstance(problem.__cause__, KeyboardInterrupt):
                raise
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
