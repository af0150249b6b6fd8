"""Printing for people and for pipes."""

from __future__ import annotations

import os
import sys


def show(text: str) -> None:
    """Prints to stdout; a reader that has seen enough (``| head``) is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # the interpreter flushes once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
