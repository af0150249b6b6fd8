"""Every command of ``python -m trainables`` by name."""

from __future__ import annotations

from collections.abc import Callable

from trainables.commands.compress import compress
from trainables.commands.export import export
from trainables.commands.train import train

COMMANDS: dict[str, Callable[..., None]] = {
    "train": train,
    "compress": compress,
    "export": export,
}
