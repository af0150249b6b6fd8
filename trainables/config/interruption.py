"""Ctrl-C where nothing waits for it: a word and an exit code. Imports what Python has loaded."""

from __future__ import annotations

import functools
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would take milliseconds
    from collections.abc import Callable
    from types import FrameType
    from typing import ParamSpec

    Arguments = ParamSpec("Arguments")

INTERRUPTED = 130
"""The exit code, as shells have it: 128 and the signal's number."""


def interruptible(main: Callable[Arguments, int]) -> Callable[Arguments, int]:
    """A program whose user may end it at any moment; returns its exit code."""

    @functools.wraps(main)
    def run(*arguments: Arguments.args, **named: Arguments.kwargs) -> int:
        is_program = signal.getsignal(signal.SIGINT) is end_in_a_word
        try:
            if is_program:  # from here on it is an exception, so that what is open is closed
                signal.signal(signal.SIGINT, signal.default_int_handler)
            code = main(*arguments, **named)
            if is_program and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                signal.signal(signal.SIGINT, end_in_a_word)
            return code
        except KeyboardInterrupt:
            pass
        except RuntimeError as aborted:  # typer's Abort, whichever click it brings
            if not isinstance(aborted.__cause__, KeyboardInterrupt):
                raise
        exec("")  # makes Python forget a Ctrl-C in code from a string, or it ends by the signal
        print("interrupted", file=sys.stderr)
        return INTERRUPTED

    return run


def end_in_a_word(number: int, frame: FrameType | None = None) -> None:
    """Ends the process at once: nothing is open before it begins and after it ends."""
    os.write(2, b"interrupted\n")
    os._exit(128 + number)
