"""Complete twins: the same trials, run to their end in another study of the same results folder.

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
    """A row a trial that ``study`` stopped and ``complete`` let finish, the best first.

    ``stopped_at`` is in epochs, ``twin_accuracy`` what it reached in the study ``twin_study``;
    ``won`` says that this is above ``best``, the best finished trial of the study that stopped it.
    No rows where that study has finished none: there is nothing to win against.
    """
    ours, theirs = study.trials, complete.trials
    stopped = ours.loc[ours["status"] == TrialStatus.STOPPED, ["trial_id", "epochs_run"]]
    finished = theirs.loc[
        theirs["status"] == TrialStatus.FINISHED, ["trial_id", study.metric]
    ].dropna()
    both = stopped.merge(finished.dropna(), on="trial_id")
    best = ours.loc[ours["status"] == TrialStatus.FINISHED, study.metric].max()
    both = both.rename(columns={"epochs_run": "stopped_at", study.metric: "twin_accuracy"})
    both = both.assign(best=best, won=both["twin_accuracy"] > best, twin_study=complete.name)
    return both[both["best"].notna()].sort_values("twin_accuracy", ascending=False)


def matching_trials(study: Study) -> pd.DataFrame:
    """``would_have_won`` for the studies beside this one on the same data, each trial once.

    A study that cannot be read is passed over.
    """
    found = [would_have_won(study, study)]  # no rows, but the columns
    for folder in _relatives(study):
        try:
            found.append(would_have_won(study, load_study(folder)))
        except (RecordError, TableError):
            continue
    whole = pd.concat([frame for frame in found if len(frame)] or found)
    return whole.drop_duplicates("trial_id")


def _relatives(study: Study) -> list[Path]:
    """The studies beside this one that trained on the same data."""
    own, data = study.folder.resolve(), _content(study.info.get("dataset"))
    if not data or not (study.trials["status"] == TrialStatus.STOPPED).any():
        return []
    folders = sorted(path for path in own.parent.iterdir() if (path / LEDGER).is_file())
    return [path for path in folders if path != own and _content(_dataset(path)) == data]


def _content(dataset: Any) -> Any:
    """What the images are: their checksum, whatever else was recorded of them."""
    return dataset.get("checksum", dataset) if isinstance(dataset, dict) else dataset


def _dataset(folder: Path) -> Any:
    try:
        return json.loads((folder / STUDY).read_text(encoding="utf-8")).get("dataset")
    except (OSError, ValueError, AttributeError):
        return None
