"""Where checkpoints lie, and what they are called there. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.files.storage import join
from trainables.files.study_folder import CHECKPOINTS

STATE = "state.json"
"""A checkpoint's file that is written last: a folder without it is half a checkpoint."""


@dataclass(frozen=True, order=True, slots=True)
class CheckpointName:
    """``e3-a0``: after 3 epochs, by attempt 0; ``e3-a0-b57``: and 57 batches of the fourth.

    The later in training, the greater.
    """

    epoch: int
    batch: int
    attempt: int

    def __str__(self) -> str:
        return f"e{self.epoch}-a{self.attempt}" + (f"-b{self.batch}" if self.batch else "")

    @classmethod
    def parse(cls, text: str) -> CheckpointName | None:
        """None where ``text`` names no checkpoint."""
        found = re.fullmatch(r"e(\d+)-a(\d+)(?:-b(\d+))?", text)
        return cls(int(found[1]), int(found[3] or 0), int(found[2])) if found else None


def study_checkpoints(folder: Path, document: Mapping[str, Any]) -> str:
    """The path or URI of a study's checkpoints: in its storage, else in its own folder.

    Args:
        folder: the study's.
        document: what its study.json holds.
    """
    options = document.get("options")
    storage = options.get("storage") if isinstance(options, dict) else None
    storage = document.get("storage") or storage
    if not storage:
        return str(folder / CHECKPOINTS)
    own = document.get("shared_name") or document.get("name") or folder.resolve().name
    return join(str(storage), str(own))
