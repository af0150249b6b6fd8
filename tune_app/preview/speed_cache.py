"""Measured training speeds of networks, for the forecast of a plan that has not begun."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from tune_app.record.history import History
from tune_app.record.json_cache import read_cache, write_cache

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
    speeds = read_cache(results / CACHE_FILE)
    cached = speeds.get(socket.gethostname(), {}).get("image_seconds", {})
    latest = dict(list({**cached, **measured}.items())[-MAX_NETWORKS:])
    speeds[socket.gethostname()] = {"slots": slots, "image_seconds": latest}
    with contextlib.suppress(OSError):
        write_cache(results / CACHE_FILE, speeds)


def load_speeds(results: Path) -> tuple[dict[float, float], int]:
    """On this machine: seconds per image by multiply-adds, and concurrent trials; or ({}, 0)."""
    machine = read_cache(results / CACHE_FILE).get(socket.gethostname(), {})
    seconds = {float(macs): value for macs, value in machine.get("image_seconds", {}).items()}
    return seconds, machine.get("slots", 0)
