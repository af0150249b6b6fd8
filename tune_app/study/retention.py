"""Which checkpoints stay when a run ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from analysis.record.status import TrialStatus
from tune_app.preview.forecast import KEPT_WHEN_FINISHED
from tune_app.record.history import History, final_score
from tune_app.record.storage import filesystem


def surplus(history: History, keep: int = KEPT_WHEN_FINISHED) -> list[str]:
    """Trials that will never go on and are not among the ``keep`` best: their checkpoints may go.

    A stopped or interrupted trial keeps its own, so that the study can grow.
    """
    finished = history.with_status(TrialStatus.FINISHED)
    finished.sort(key=lambda name: final_score(history[name]), reverse=True)
    return finished[keep:] + history.with_status(TrialStatus.DIVERGED)


def remove_checkpoints(storage: str, trial_ids: Iterable[str]) -> int:
    """Removes the trials' folders under a path or URI; how many there were.

    Where the storage is away they stay until the next run ends.
    """
    from pyarrow import fs

    system, root = filesystem(storage)
    removed = 0
    with contextlib.suppress(OSError):
        infos = system.get_file_info(fs.FileSelector(root, allow_not_found=True))
        for trial_id in {info.base_name for info in infos}.intersection(trial_ids):
            system.delete_dir(f"{root}/{trial_id}")
            removed += 1
    return removed
