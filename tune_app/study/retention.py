"""Which checkpoints stay when a run ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType

from analysis.record.status import TrialStatus
from analysis.study.size_steps import size_step
from trainables.files.filesystem import filesystem, list_folder
from trainables.training.checkpoints.time_limit import within
from tune_app.command.options import KEPT_WHEN_FINISHED
from tune_app.record.history import History, best_on_record, final_score
from tune_app.record.storage import ANSWER_SECONDS


def surplus(
    history: History,
    keep: int | str = KEPT_WHEN_FINISHED,
    limits: Mapping[str, float] = MappingProxyType({}),
) -> list[str]:
    """Trials that will never go on and whose checkpoints may go.

    Those of the front of accuracy over parameters and over multiply-adds stay, the most accurate
    one of each step of size, the one that is named as the best (within ``limits``, see
    ``best_on_record``), and the ``keep`` most accurate.
    ``keep`` is also "front" (none besides) or "all". A stopped or interrupted trial keeps its own,
    so that the study can grow.
    """
    diverged = history.with_status(TrialStatus.DIVERGED)
    finished = history.with_status(TrialStatus.FINISHED)
    if keep == "all":
        return diverged
    finished.sort(key=lambda name: final_score(history[name]), reverse=True)
    retained = {
        *finished[: 0 if isinstance(keep, str) else keep],
        best_on_record(history, limits)[1],
    }
    planned = {name: history[name].planned for name in finished}
    for measure in ("parameters", "macs"):
        smallest = float("inf")
        for name in finished:  # the most accurate first: whoever is smaller than all before stays
            row = planned[name]
            size = getattr(row, measure) if row else None
            if size is not None and size < smallest:
                smallest = size
                retained.add(name)
    steps: set[tuple[int, int]] = set()
    for name in finished:
        row = planned[name]
        if row and (step := size_step(row.parameters)) not in steps:
            steps.add(step)
            retained.add(name)
    return [name for name in finished if name not in retained] + diverged


def remove_checkpoints(storage: str, trial_ids: Iterable[str]) -> int:
    """Removes the trials' folders under a path or URI; how many there were.

    Where the storage is away they stay until the next run ends.
    """
    system, root = filesystem(storage)
    removed = 0
    with contextlib.suppress(OSError):
        infos = within(ANSWER_SECONDS, lambda: list_folder(system, root))
        for trial_id in {info.base_name for info in infos}.intersection(trial_ids):
            within(ANSWER_SECONDS, partial(system.delete_dir, f"{root}/{trial_id}"))
            removed += 1
    return removed
