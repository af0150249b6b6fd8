"""Complete twins: the same trials, run to their end in another study of the same results folder.

A trial's id is a hash of what is trained, so that equal ids are equal trainings.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.record import LEDGER, RecordError
from analysis.tables import TableError

if TYPE_CHECKING:
    from analysis.study import Study


def twins(study: Study) -> pd.DataFrame:
    """A row a stopped trial that finished elsewhere: ``trial_id, twin_accuracy, twin_study``.

    Looks through the studies beside this one that have its identity; one that cannot be read is
    passed over. ``twin_accuracy`` is the validation accuracy after the last epoch.
    """
    stopped = set(study.trials.loc[study.trials["status"] == "stopped", "trial_id"])
    found = [_finished(folder, stopped) for folder in _relatives(study)] if stopped else []
    empty = pd.DataFrame({"trial_id": [], "twin_accuracy": [], "twin_study": []})
    return pd.concat([*found, empty.astype({"twin_accuracy": float})]).drop_duplicates("trial_id")


def _relatives(study: Study) -> list[Path]:
    """The studies beside this one that ask of the same fixed keys, dataset and recipe."""
    own = study.folder.resolve()
    folders = sorted(path for path in own.parent.iterdir() if (path / LEDGER).is_file())
    identity = study.info.get("identity")
    return [path for path in folders if path != own and _identity(path) == identity]


def _identity(folder: Path) -> Any:
    try:
        document = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document.get("identity")


def _finished(folder: Path, wanted: set[str]) -> pd.DataFrame:
    from analysis.study import load_study

    try:
        other = load_study(folder)
    except (RecordError, TableError):
        return pd.DataFrame()
    trials = other.trials
    ours = trials[trials["trial_id"].isin(wanted) & (trials["status"] == "finished")]
    named = ours[["trial_id", "val_accuracy_last"]].dropna()
    return named.rename(columns={"val_accuracy_last": "twin_accuracy"}).assign(
        twin_study=other.name
    )
