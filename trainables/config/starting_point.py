"""The description of a compressed network that training can start from. Standard library only.

`python -m trainables compress` writes its folder in the form of a checkpoint: the network's state
in safetensors, and `state.json` with the network's keys under "starting_point".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.config.checkpoint_place import STATE
from trainables.config.former_names import with_present_names
from trainables.config.installation import command_line
from trainables.config.tables import register_tables
from trainables.files.sealed import SEAL, is_whole

ARCHITECTURE = ("layer", "width", "classes", "dims", "ranks")
"""The keys of a configuration that a starting point decides."""
OF_A_NETWORK = ("network", "replace", "keep")
"""Further keys that it decides for a network other than ResNet-9."""

_RESOLVED = re.compile(r"(?P<folder>.+)#(?P<digest>[0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """A compressed network: its folder, its checksum, its keys.

    Attributes:
        folder: absolute.
        digest: checksum of its tensors. Of the starting point, only this enters a trial's id.
        architecture: a value for each of ARCHITECTURE, with ranks None where the family has none;
            for a network other than ResNet-9 also for each of OF_A_NETWORK.
        image_size: side of the images that such a network was traced for; None for ResNet-9.
    """

    folder: Path
    digest: str
    architecture: dict[str, Any]
    image_size: int | None = None

    @property
    def init(self) -> str:
        """The value of the key ``init``, resolved: ``folder#digest``."""
        return f"{self.folder}#{self.digest}"


def read_starting_point(folder: Path) -> StartingPoint:
    """Reads the folder's state file; its tensors are not read.

    Raises:
        ValueError: when it is not a starting point, or damaged.
    """
    folder = folder.expanduser().absolute()
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        if SEAL in state and not is_whole(state):  # older ones have none
            raise ValueError(f"its {STATE} is damaged")
        stored = with_present_names(state["starting_point"])
        keys = (*ARCHITECTURE, *(OF_A_NETWORK if "network" in stored else ()))
        architecture = {name: stored[name] for name in keys}
        digest = str(state["tensors_blake2b"])
        register_tables(state.get("tables", ()))
        return StartingPoint(folder, digest, architecture, stored.get("image_size"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise ValueError(
            f"init must name a folder that `{command_line('compress')}` wrote, got {folder} "
            f"({_reason(problem)})"
        ) from problem


def split_init(init: str) -> tuple[Path, str | None]:
    """The folder of an ``init`` value, and its digest (None where it is not resolved yet)."""
    match = _RESOLVED.fullmatch(init)
    return (Path(match["folder"]), match["digest"]) if match else (Path(init), None)


def _reason(problem: Exception) -> str:
    match problem:
        case FileNotFoundError():
            return f"it has no {STATE}"
        case KeyError():
            return f"its {STATE} has no {problem}"
        case _:
            return str(problem)
