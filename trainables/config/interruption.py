"""Ctrl-C where nothing waits for it: a word and an exit code. Standard library only."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec

INTERRUPTED = 130
"""The exit code, as shells have it: 128 and the signal's number."""

Arguments = ParamSpec("Arguments")


def interruptible(main: Callable[Arguments, int]) -> Callable[Arguments, int]:
    """A program whose user may end it at any moment; returns its exit code."""

    @functools.wraps(main)
    def run(*arguments: Arguments.args, **named: Arguments.kwargs) -> int:
        try:
            return main(*arguments, **named)
        except KeyboardInterrupt:
            pass
        except RuntimeError as aborted:  # typer's Abort, whichever click it brings
            if not isinstance(aborted.__cause__, KeyboardInterrupt):
                raise
        print("interrupted", file=sys.stderr)
        return INTERRUPTED

    return run
