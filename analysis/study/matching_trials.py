"""Stopped trials that ran to the end in another study of the same results folder.

A trial's id is a hash of what is trained, so that on the same data equal ids are equal trainings.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.record.record import RecordError
from analysis.record.status import TrialStatus
from analysis.record.tables import TableError
from analysis.study.study import load_study
from trainables.files.study_folder import LEDGER, STUDY

if TYPE_CHECKING:
    from analysis.study.study import Study


def would_have_won(study: Study, complete: Study) -> pd.DataFrame:
    """A row for each trial that ``study`` stopped and ``complete`` finished, best first.

    ``stopped_at`` is in epochs. ``twin_accuracy`` is the accuracy that the trial reached in the
    study ``twin_study``. ``won`` tells whether it is above ``best``, the accuracy of the best
    finished trial in the study that stopped it; without such a trial there are no rows.
    """
    trials, complete_trials = study.trials, complete.trials
    stopped = trials.loc[trials["status"] == TrialStatus.STOPPED, ["trial_id", "epochs_run"]]
    finished = complete_trials.loc[
        complete_trials["status"] == TrialStatus.FINISHED, ["trial_id", study.metric]
    ].dropna()
    matched = stopped.merge(finished, on="trial_id")
    best = trials.loc[trials["status"] == TrialStatus.FINISHED, study.metric].max()
    matched = matched.rename(columns={"epochs_run": "stopped_at", study.metric: "twin_accuracy"})
    matched = matched.assign(
        best=best, won=matched["twin_accuracy"] > best, twin_study=complete.name
    )
    return matched[matched["best"].notna()].sort_values("twin_accuracy", ascending=False)


def matching_trials(study: Study) -> pd.DataFrame:
    """``would_have_won`` for the studies beside this one on the same data, each trial once.

    A study that cannot be read is skipped.
    """
    frames = [would_have_won(study, study)]  # no rows, only the columns
    for folder in _relatives(study):
        try:
            frames.append(would_have_won(study, load_study(folder)))
        except (RecordError, TableError):
            continue
    combined = pd.concat([frame for frame in frames if len(frame)] or frames)
    return combined.drop_duplicates("trial_id")


def _relatives(study: Study) -> list[Path]:
    """Other studies in the same results folder that trained on the same data."""
    folder, data = study.folder.resolve(), _content(study.info.get("dataset"))
    if not data or not (study.trials["status"] == TrialStatus.STOPPED).any():
        return []
    folders = sorted(path for path in folder.parent.iterdir() if (path / LEDGER).is_file())
    return [path for path in folders if path != folder and _content(_dataset(path)) == data]


def _content(dataset: Any) -> Any:
    """The checksum of the images, which identifies them."""
    return dataset.get("checksum", dataset) if isinstance(dataset, dict) else dataset


def _dataset(folder: Path) -> Any:
    try:
        return json.loads((folder / STUDY).read_text(encoding="utf-8")).get("dataset")
    except (OSError, ValueError, AttributeError):
        return None
