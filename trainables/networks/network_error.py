"""The error for networks that cannot be used."""

from __future__ import annotations

import traceback
from pathlib import Path

import torch

from trainables.text.error_words import error_words

OURS = Path(__file__).resolve().parents[1]


class NetworkError(ValueError):
    """The network cannot be used; the message says what it does and what was expected."""


def words_of(problem: BaseException) -> str:
    """The first line of an error that is not empty."""
    lines = error_words(problem).splitlines()
    return next((line for line in lines if line.strip()), type(problem).__name__)


def where_it_failed(problem: BaseException) -> str:
    """The last line of the network's own code that was running, in brackets; "" for none."""
    skipped = (str(Path(torch.__file__).parent), str(OURS), "<frozen ")
    frames = [
        frame
        for frame in traceback.extract_tb(problem.__traceback__)
        if not frame.filename.startswith(skipped)
    ]
    if not frames:
        return ""
    last = frames[-1]
    return f" (in {last.filename}, line {last.lineno}: {last.line})"
