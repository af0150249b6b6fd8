"""Programs other than the search, chosen by the first argument."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from trainables.commands.registry import COMMANDS

PROGRAMS = {"analysis": "analysis.__main__"} | dict.fromkeys(COMMANDS, "trainables.__main__")
"""Each program's module; its ``main`` takes the arguments and returns the exit code."""


def run_program(argv: Sequence[str]) -> int:
    """Runs ``analysis …``, ``train …`` and so on; returns the exit code."""
    name, *arguments = argv
    program_arguments = arguments if name == "analysis" else [name, *arguments]
    code: int = importlib.import_module(PROGRAMS[name]).main(program_arguments)
    return code
