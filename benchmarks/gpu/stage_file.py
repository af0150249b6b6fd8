"""A stage's JSON: what was measured, on what, by which code; written after every cell."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOST_STARTS = 2
"""A cell that was begun so often and never ended (a crash, the time limit) is not begun again."""


class StageFile:
    """Cells by key. Those of another card, of other code or of other options count as absent.

    origin: what must be the same for an old cell to stand: see ``machine.origin``.
    """

    def __init__(self, path: Path, origin: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        self._path = path
        stored = _read(path)
        known = stored if stored.get("origin") == dict(origin) else {}
        self._document: dict[str, Any] = {
            **about,
            "origin": dict(origin),
            "complete": False,
            "starts": known.get("starts", {}),
            "cells": known.get("cells", {}),
        }

    @property
    def path(self) -> Path:
        """Where it is written."""
        return self._path

    @property
    def cells(self) -> dict[str, Any]:
        """What each finished cell measured; {"failed": why} where it could not."""
        return self._document["cells"]

    def starts(self, key: str) -> int:
        """How often a cell was begun that has not ended since."""
        return self._document["starts"].get(key, 0)

    def begin(self, key: str) -> None:
        """Notes that a cell is begun, in case the process does not outlive it."""
        self._document["starts"][key] = self.starts(key) + 1
        self.write()

    def postpone(self, key: str) -> None:
        """The cell stopped in time and goes on at the next call."""
        self._document["starts"].pop(key, None)
        self.write()

    def put(self, key: str, measured: Mapping[str, Any]) -> None:
        """Stores what a cell measured."""
        self._document["starts"].pop(key, None)
        self.cells[key] = dict(measured)
        self.write()

    def conclude(self, summary: Mapping[str, Any], *, complete: bool) -> None:
        """Stores what the cells add up to."""
        self._document["summary"] = dict(summary)
        self._document["complete"] = complete
        self.write()

    def write(self) -> None:
        """Replaces the file as a whole."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        text = json.dumps(self._document, indent=1, ensure_ascii=False)
        draft.write_text(text + "\n", encoding="utf-8")
        draft.replace(self._path)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def read_cells(path: Path) -> dict[str, Any]:
    """The cells of another stage's file; {} where there is none."""
    return _read(path).get("cells", {})
