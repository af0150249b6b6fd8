"""The programs beside the search, by the first word of a command line."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from trainables.commands.registry import COMMANDS

PROGRAMS = {"analysis": "analysis.__main__"} | dict.fromkeys(COMMANDS, "trainables.__main__")
"""Each program's module; its ``main`` takes the words and returns the exit code."""


def run_program(argv: Sequence[str]) -> int:
    """Runs ``analysis …``, ``train …`` and so on; returns the exit code."""
    name, *rest = argv
    words = rest if name == "analysis" else [name, *rest]
    code: int = importlib.import_module(PROGRAMS[name]).main(words)
    return code
