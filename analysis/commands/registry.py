"""Every command of ``python -m analysis``: its name, its module and its help line.

A module is imported when its command is called, so that the list of commands needs no pandas.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import NamedTuple


class Command(NamedTuple):
    """``module`` has a function ``run`` with the command's parameters."""

    module: str
    help: str

    def load(self) -> Callable[..., None]:
        """The function that the command calls."""
        run: Callable[..., None] = importlib.import_module(f"analysis.commands.{self.module}").run
        return run


COMMANDS = {
    "build": Command("build", "Rebuild tables and report from the ledger; build is optional."),
    "status": Command("status", "Show a study's counts, best, rate, time left, failures."),
    "list": Command("list_studies", "List the studies in a results folder."),
    "show": Command("show", "Show one trial: its status, configuration, epochs and errors."),
    "best": Command("best", "Copy the best trial's checkpoint and configuration."),
    "export": Command("export", "Write a table of one or several studies for another program."),
    "figures": Command("figures", "Write charts for a paper, with title and caption."),
    "compare": Command("compare", "Compare two studies: shared results and all differences."),
    "tensorboard": Command(
        "tensorboard", "Rebuild what tensorboard --logdir STUDY/tensorboard shows."
    ),
}
