"""Printing to a terminal or file whose encoding lacks some characters."""

from __future__ import annotations

import io
import sys


def escape_unknown_characters() -> None:
    """Prints characters that the encoding lacks as escapes (under ``LC_ALL=C`` all but ASCII)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
