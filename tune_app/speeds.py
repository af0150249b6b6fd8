"""How fast networks trained here before: the hours of a plan that has not begun."""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path
from typing import Any

from tune_app.history import History

MEMORY = ".speeds.json"
"""Beside the studies: for each machine, how many trials ran at once, and seconds per image by the
network's multiply-adds per image."""

MOST = 200
"""Networks remembered a machine, the latest."""


def remember(results: Path, history: History, slots: int) -> None:
    """Adds a study's networks; a place that cannot be written is passed over."""
    found = {}
    for trial in history.trials.values():
        row, planned = trial.last, trial.planned
        if row and planned and (images := row.images_per_second * row.train_seconds) > 0:
            found[f"{planned.macs:.0f}"] = (row.train_seconds + row.eval_seconds) / images
    if not found:
        return
    memory = _read(results)
    known = memory.get(socket.gethostname(), {}).get("image_seconds", {})
    kept = dict(list({**known, **found}.items())[-MOST:])
    memory[socket.gethostname()] = {"slots": slots, "image_seconds": kept}
    draft = results / f"{MEMORY}.new"
    with contextlib.suppress(OSError):
        draft.write_text(json.dumps(memory, indent=1), encoding="utf-8")
        draft.replace(results / MEMORY)


def recall(results: Path) -> tuple[dict[float, float], int]:
    """Seconds per image by multiply-adds, and trials at once, on this machine; ({}, 0) if none."""
    here = _read(results).get(socket.gethostname(), {})
    seconds = {float(macs): value for macs, value in here.get("image_seconds", {}).items()}
    return seconds, here.get("slots", 0)


def _read(results: Path) -> dict[str, Any]:
    try:
        found = json.loads((results / MEMORY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
