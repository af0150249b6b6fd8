"""Every command of ``python -m analysis``: its name, its module and its help line.

A module is imported when its command is called: the list of commands need not wait for pandas.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import NamedTuple


class Command(NamedTuple):
    """``module`` holds a function ``run``, whose parameters are the command's."""

    module: str
    help: str

    def load(self) -> Callable[..., None]:
        """The function that the command calls."""
        run: Callable[..., None] = importlib.import_module(f"analysis.commands.{self.module}").run
        return run


COMMANDS = {
    "build": Command(
        "build", "Rebuild the tables and the report from the ledger (also without the word build)."
    ),
    "status": Command("status", "How a study stands: counts, best, rate, time left, failures."),
    "list": Command("list_studies", "Every study in a results folder."),
    "show": Command("show", "One trial: how it stands, its configuration, its epochs, its errors."),
    "best": Command("best", "Copy the best trial's checkpoint and configuration into a folder."),
    "export": Command("export", "Write a table of one or several studies for another program."),
    "figures": Command("figures", "Write charts for a paper, with title and caption."),
    "compare": Command(
        "compare", "Two studies: what they share, how their results differ, what else differs."
    ),
    "tensorboard": Command(
        "tensorboard", "Rebuild what tensorboard --logdir STUDY/tensorboard shows."
    ),
}
