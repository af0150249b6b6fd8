"""Where checkpoints are stored, their names and size, and whether they are whole; no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.files.sealed import SEAL, file_digest, is_whole
from trainables.files.storage import join
from trainables.files.study_folder import CHECKPOINTS

STATE = "state.json"
"""The file of a checkpoint that is written last: a folder without it is incomplete."""


@dataclass(frozen=True, order=True, slots=True)
class CheckpointName:
    """``e3-a0``: after 3 epochs, by attempt 0; ``e3-a0-b57``: and 57 batches of the fourth epoch.

    A name is greater than another if it is later in training.
    """

    epoch: int
    batch: int
    attempt: int

    def __str__(self) -> str:
        return f"e{self.epoch}-a{self.attempt}" + (f"-b{self.batch}" if self.batch else "")

    @classmethod
    def parse(cls, text: str) -> CheckpointName | None:
        """The name; None where ``text`` is not the name of a checkpoint."""
        match = re.fullmatch(r"e(\d+)-a(\d+)(?:-b(\d+))?", text)
        return cls(int(match[1]), int(match[3] or 0), int(match[2])) if match else None


def damage(folder: Path, state: Mapping[str, Any]) -> str:
    """What is not as it was written, by the checksums in the state file; "" for nothing.

    Raises:
        OSError, KeyError, TypeError: the tensors' file cannot be read, or is not named there.
    """
    if SEAL in state and not is_whole(state):  # older checkpoints have none
        return f"{folder} is damaged: {STATE} is not what was written"
    file = folder / state["tensors"]
    if file_digest(file) != state["tensors_blake2b"]:
        return f"{file} is damaged: its checksum is not that of {STATE}"
    return ""


STATE_BYTES_PER_EPOCH = 800
"""Of each checkpoint: what the trial has reported."""

EMPTY_BYTES = 32_000
"""Of each checkpoint: its two folders, the names of its tensors, the configuration, the layers."""

OF_A_WEIGHT = {"sgd": 2, "adamw": 3}
"""Numbers in fp32 for each weight: itself and the optimiser's averages."""


def expected_bytes(parameters: int, optimizer: str, epochs: int) -> int:
    """The bytes of a checkpoint: tensors in fp32, the state file and the folders.

    BatchNorm's statistics are less than 5 % of the weights.
    """
    numbers = (OF_A_WEIGHT[optimizer] + 0.05) * parameters
    return int(4 * numbers) + STATE_BYTES_PER_EPOCH * epochs + EMPTY_BYTES


def study_checkpoints(folder: Path, document: Mapping[str, Any]) -> str:
    """The path or URI of a study's checkpoints: in its storage if it has one, else in its folder.

    Args:
        folder: the study's.
        document: what its study.json holds.
    """
    options = document.get("options")
    storage = options.get("storage") if isinstance(options, dict) else None
    storage = document.get("storage") or storage
    if not storage:
        return str(folder / CHECKPOINTS)
    name = document.get("shared_name") or document.get("name") or folder.resolve().name
    return join(str(storage), str(name))
