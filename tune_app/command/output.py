"""Printing to terminals and pipes: results through stdout, events through one logger."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from trainables.files.whole_file import name_file

if TYPE_CHECKING:
    from rich.console import Console

LOG = logging.getLogger("ranktune")
"""The logger of a search's events, one line each; silent until ``log_lines`` adds a handler."""


def print_line(text: str) -> None:
    """Prints to stdout; a closed pipe (``| head``) is no error.

    Raises:
        OSError: stdout is a file that cannot be written.
    """
    try:
        print(text, flush=True)
    except OSError as problem:
        # else the interpreter's flush at exit fails
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(problem, BrokenPipeError):
            name_file(problem, "standard output")
            raise


def terminal() -> Console | None:
    """A console that can redraw lines; None where stdout is no terminal, or a dumb one.

    rich takes a file for a terminal where FORCE_COLOR is set.
    """
    from rich.console import Console  # a tenth of a second that --plan does not need

    console = Console()
    redraws = sys.stdout.isatty() and console.is_terminal and not console.is_dumb_terminal
    return console if redraws else None


@contextmanager
def log_lines(console: Console | None) -> Iterator[None]:
    """Within, prints what is logged: above a console's live table, or as plain lines."""
    show = print_line
    if console is not None:
        show = partial(console.print, highlight=False, markup=False, soft_wrap=True)
    with log_to(show):
        yield


@contextmanager
def log_to(show: Callable[[str], object]) -> Iterator[None]:
    """Within, passes every logged line to ``show``."""
    handler, level = LineHandler(show), LOG.level
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(level)


SILENCE_SECONDS = 10.0


@contextmanager
def told_if_slow(text: str, *values: object) -> Iterator[None]:
    """Logs a line if what is within takes ten seconds: nobody is to wait without a word."""
    timer = threading.Timer(SILENCE_SECONDS, LOG.info, (text, *values))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class LineHandler(logging.Handler):
    """Shows messages without time and level."""

    def __init__(self, show: Callable[[str], object]) -> None:
        super().__init__()
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        """Shows a record as a line."""
        text = self.format(record)
        try:
            self._show(text)
        except RuntimeError:  # a signal handler may log while a line is being printed
            os.write(1, f"{text}\n".encode())
        except OSError:  # a search continues if the file with its output is full
            pass
