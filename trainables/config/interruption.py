"""Ctrl-C where nothing waits for it: a word and an exit code.

Programs import this module first, and what it imports Python has loaded already: until it is there
Ctrl-C shows Python's traceback.
"""

from __future__ import annotations

import functools
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would take milliseconds
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, ParamSpec

    Arguments = ParamSpec("Arguments")

INTERRUPTED = 130
"""The exit code, as shells have it: 128 and the signal's number."""


class Starting:
    """What a program imports before it begins stands within: Ctrl-C ends it in a word.

    As an exception it would be shown with its traceback, or be lost: where it comes in a callback
    of the import system, Python prints it and goes on. ``interruptible`` takes over.
    """

    def __init__(self, *, program: bool) -> None:
        """``program``: whether this process is the program, which else another one imports."""
        if program and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _end)
            sys.unraisablehook = _end_or_show

    def __enter__(self) -> None:
        """Nothing: the handler is there already."""

    def __exit__(self, *_: object) -> None:
        """Nothing: the handler stays until the program begins."""


def interruptible(main: Callable[Arguments, int]) -> Callable[Arguments, int]:
    """A program whose user may end it at any moment; returns its exit code."""

    @functools.wraps(main)
    def run(*arguments: Arguments.args, **named: Arguments.kwargs) -> int:
        is_program = signal.getsignal(signal.SIGINT) is _end
        try:
            if is_program:  # from here on it is an exception, so that what is open is closed
                signal.signal(signal.SIGINT, signal.default_int_handler)
            code = main(*arguments, **named)
            if is_program and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                signal.signal(signal.SIGINT, _end)
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


def _end(number: int, frame: FrameType | None = None) -> None:
    """Ends the process: nothing is open before it begins and after it ends."""
    os.write(2, b"interrupted\n")
    os._exit(128 + number)


def _end_or_show(unraisable: Any) -> None:
    """Of what Python cannot raise, such as in a finaliser, Ctrl-C ends the process."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        _end(signal.SIGINT)
    sys.__unraisablehook__(unraisable)
