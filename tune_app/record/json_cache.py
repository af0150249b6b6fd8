"""A JSON file beside the studies for small facts that they share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainables.files.sealed import read_sealed, write_sealed


def read_cache(path: Path) -> dict[str, Any]:
    """The file's content; empty where it is missing or damaged."""
    return read_sealed(path) or {}


def write_cache(path: Path, facts: dict[str, Any]) -> None:
    """Replaces the file atomically; raises OSError where it cannot be written."""
    write_sealed(path, facts)
