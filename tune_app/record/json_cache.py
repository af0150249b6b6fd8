"""Small facts that studies share, kept in a JSON file beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainables.config.whole_file import write_whole


def read_cache(path: Path) -> dict[str, Any]:
    """What the file holds; nothing where it is absent or no object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_cache(path: Path, facts: dict[str, Any]) -> None:
    """Writes the file whole or not at all; raises OSError where it cannot be written."""
    write_whole(path, json.dumps(facts, indent=1))
