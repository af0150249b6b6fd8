"""Measured training speeds of networks, for the forecast of a plan that has not begun."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from trainables.files.sealed import read_sealed, write_sealed
from tune_app.record.history import History

CACHE_FILE = ".speeds.json"
"""A file beside the studies with, for each machine, the number of concurrent trials, and seconds
per image by the network's multiply-adds per image."""

MAX_NETWORKS = 200
"""Number of networks kept for each machine, the latest ones."""


def save_speeds(results: Path, history: History, slots: int) -> None:
    """Adds the speeds of a study's networks; a file that cannot be written is ignored."""
    measured = {}
    for trial in history.trials.values():
        row, planned = trial.last, trial.planned
        if row and planned and (images := row.images_per_second * row.train_seconds) > 0:
            measured[f"{planned.macs:.0f}"] = (row.train_seconds + row.eval_seconds) / images
    if not measured:
        return
    speeds = read_sealed(results / CACHE_FILE) or {}
    cached = speeds.get(socket.gethostname(), {}).get("image_seconds", {})
    older = {macs: value for macs, value in cached.items() if macs not in measured}
    latest = dict([*older.items(), *measured.items()][-MAX_NETWORKS:])
    speeds[socket.gethostname()] = {"slots": slots, "image_seconds": latest}
    with contextlib.suppress(OSError):
        write_sealed(results / CACHE_FILE, speeds)


def load_speeds(results: Path) -> tuple[dict[float, float], int]:
    """On this machine: seconds per image by multiply-adds, and concurrent trials; or ({}, 0)."""
    machine = (read_sealed(results / CACHE_FILE) or {}).get(socket.gethostname(), {})
    seconds = {float(macs): value for macs, value in machine.get("image_seconds", {}).items()}
    return seconds, machine.get("slots", 0)
