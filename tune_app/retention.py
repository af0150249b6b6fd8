"""Which checkpoints stay when a run ends."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tune_app.forecast import KEPT_WHEN_FINISHED
from tune_app.history import History, score


def surplus(history: History, keep: int = KEPT_WHEN_FINISHED) -> list[str]:
    """Trials that will never go on and are not among the ``keep`` best: their checkpoints may go.

    A stopped or interrupted trial keeps its own, so that the study can grow.
    """
    finished = [name for name, trial in history.trials.items() if trial.status == "finished"]
    finished.sort(key=lambda name: _score(history, name), reverse=True)
    diverged = [name for name, trial in history.trials.items() if trial.status == "diverged"]
    return finished[keep:] + diverged


def remove_checkpoints(storage: str, trial_ids: Iterable[str]) -> int:
    """Removes the trials' folders under a path or URI; how many there were."""
    removed = 0
    for trial_id in trial_ids:
        removed += (
            _remove_remote(storage, trial_id)
            if "://" in storage
            else _remove(Path(storage) / trial_id)
        )
    return removed


def _remove(folder: Path) -> bool:
    there = folder.is_dir()
    shutil.rmtree(folder, ignore_errors=True)
    return there


def _remove_remote(storage: str, trial_id: str) -> bool:
    from pyarrow import fs

    system: Any
    system, root = fs.FileSystem.from_uri(storage)
    with contextlib.suppress(OSError):
        system.delete_dir(f"{root}/{trial_id}")
        return True
    return False


def _score(history: History, trial_id: str) -> float:
    last = history[trial_id].last
    return (score(last) if last else None) or 0.0
