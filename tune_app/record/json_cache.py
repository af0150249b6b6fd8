"""Small facts that studies share, kept in a JSON file beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainables.files.sealed import read_sealed, write_sealed


def read_cache(path: Path) -> dict[str, Any]:
    """What the file holds; nothing where it is absent or damaged."""
    return read_sealed(path) or {}


def write_cache(path: Path, facts: dict[str, Any]) -> None:
    """Writes the file whole or not at all; raises OSError where it cannot be written."""
    write_sealed(path, facts)
