"""The best trial's checkpoint, copied out of a study for use elsewhere."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.record import RecordError

if TYPE_CHECKING:
    from analysis.study import Study

CHECKPOINT = re.compile(r"e(\d+)-a(\d+)(?:-b(\d+))?")
"""A checkpoint's folder: epochs done, attempt, and batches into the next epoch."""


def copy_best(study: Study, to: Path) -> str:
    """Copies the best finished trial's furthest checkpoint and its configuration into ``to``.

    The trial with the highest accuracy that has a checkpoint on this disk; returns its id.

    Raises:
        RecordError: where ``to`` holds files already, or there is no such trial.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise RecordError(f"{to} holds something already; name a new or empty folder")
    storage = str(study.info.get("storage") or study.folder / "checkpoints")
    if "://" in storage:
        raise RecordError(f"the checkpoints lie in {storage}; copy them to a disk first")
    finished = study.trials[study.trials["status"] == "finished"]
    ranked = finished.sort_values(study.metric, ascending=False, na_position="last", kind="stable")
    for row in ranked.to_dict("records"):
        found = _furthest(Path(storage) / row["trial_id"])
        if found is not None:
            shutil.copytree(found, to, dirs_exist_ok=True)
            text = json.dumps(_configuration(study, row["trial_id"]), indent=2)
            (to / "config.json").write_text(text + "\n", encoding="utf-8")
            return str(row["trial_id"])
    raise RecordError(
        f"no finished trial of {study.name} has a checkpoint in {storage}"
        f" ({len(finished)} of {len(study.trials)} trials have finished)"
    )


def _furthest(folder: Path) -> Path | None:
    """The whole checkpoint with the most epochs, None where there is none."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        name = CHECKPOINT.fullmatch(path.name)
        if name and (path / "state.json").is_file():
            found.append(((int(name[1]), int(name[3] or 0), int(name[2])), path))
    return max(found)[1] if found else None


def _configuration(study: Study, trial_id: str) -> dict:
    """The trial's configuration as it was planned."""
    from analysis.record import Planned, read_record

    rows = read_record(study.folder).rows
    return next(r.config for r in rows if isinstance(r, Planned) and r.trial_id == trial_id)
