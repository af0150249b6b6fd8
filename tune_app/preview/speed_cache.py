"""How fast networks trained here before: the hours of a plan that has not begun."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from tune_app.record.history import History
from tune_app.record.json_cache import read_cache, write_cache

MEMORY = ".speeds.json"
"""Beside the studies: for each machine, how many trials ran at once, and seconds per image by the
network's multiply-adds per image."""

MOST = 200
"""Networks remembered a machine, the latest."""


def save_speeds(results: Path, history: History, slots: int) -> None:
    """Adds a study's networks; an unwritable file is ignored."""
    found = {}
    for trial in history.trials.values():
        row, planned = trial.last, trial.planned
        if row and planned and (images := row.images_per_second * row.train_seconds) > 0:
            found[f"{planned.macs:.0f}"] = (row.train_seconds + row.eval_seconds) / images
    if not found:
        return
    memory = read_cache(results / MEMORY)
    known = memory.get(socket.gethostname(), {}).get("image_seconds", {})
    kept = dict(list({**known, **found}.items())[-MOST:])
    memory[socket.gethostname()] = {"slots": slots, "image_seconds": kept}
    with contextlib.suppress(OSError):
        write_cache(results / MEMORY, memory)


def load_speeds(results: Path) -> tuple[dict[float, float], int]:
    """Seconds per image by multiply-adds, and trials at once, on this machine; ({}, 0) if none."""
    here = read_cache(results / MEMORY).get(socket.gethostname(), {})
    seconds = {float(macs): value for macs, value in here.get("image_seconds", {}).items()}
    return seconds, here.get("slots", 0)
