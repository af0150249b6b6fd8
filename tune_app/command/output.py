"""Printing for people and for pipes: results as they are, events through one logger."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

LOG = logging.getLogger("ranktune")
"""What a search tells a person, one line an event; silent until ``log_lines`` gives it a place."""


def print_line(text: str) -> None:
    """Prints to stdout; a reader that has seen enough (``| head``) is no error.

    Raises:
        OSError: the file that stdout goes to takes no more.
    """
    try:
        print(text, flush=True)
    except OSError as problem:
        # the interpreter flushes once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(problem, BrokenPipeError):
            raise


def terminal() -> Console | None:
    """A console that can redraw lines; None where output is piped."""
    from rich.console import Console  # a tenth of a second that --plan does not need

    console = Console()
    return console if console.is_terminal else None


@contextmanager
def log_lines(console: Console | None) -> Iterator[None]:
    """Prints what is logged meanwhile: above a console's live table, or as plain lines."""
    show = print_line
    if console is not None:
        show = partial(console.print, highlight=False, markup=False, soft_wrap=True)
    with log_to(show):
        yield


@contextmanager
def log_to(show: Callable[[str], object]) -> Iterator[None]:
    """Hands every logged line to ``show`` meanwhile."""
    handler, level = LineHandler(show), LOG.level
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(level)


class LineHandler(logging.Handler):
    """Shows the message alone, without time or level: the lines are for people."""

    def __init__(self, show: Callable[[str], object]) -> None:
        super().__init__()
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        """Shows a record as a line."""
        text = self.format(record)
        try:
            self._show(text)
        except RuntimeError:  # a signal handler that logs while a line is half printed
            os.write(1, f"{text}\n".encode())
        except OSError:  # a search goes on where the file of its lines takes no more
            pass
