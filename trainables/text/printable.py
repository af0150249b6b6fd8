"""Printing where a terminal or file does not know every character."""

from __future__ import annotations

import io
import sys


def escape_unknown_characters() -> None:
    """Prints what the encoding lacks as an escape; under ``LC_ALL=C`` that is all but ASCII."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
