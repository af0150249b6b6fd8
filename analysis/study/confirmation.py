"""A study and its confirmation, ``<name>-confirm`` beside it: its best on fresh seeds.

A search is judged on validation images. A confirmation trains on all training images and reads the
test set.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pandas as pd

from analysis.record.record import RecordError
from analysis.record.tables import TableError
from analysis.study.configurations import configuration_ids
from analysis.study.replicates import summarize_runs
from analysis.study.study import Study, load_study, per_study
from trainables.files.study_folder import CONFIRMATION, LEDGER

CHANGED = ("seed", "train_images", "validation_images")
"""The keys in which a confirmation differs from what it confirms."""


def is_confirmation(study: Study) -> bool:
    """Whether the study was made by ``--confirm``."""
    return bool((study.info.get("options") or {}).get("confirm"))


def confirmation_folder(study: Study) -> Path | None:
    """The folder of the confirmation beside a study; None where there is none."""
    folder = study.folder.resolve()
    return None if is_confirmation(study) else _known(folder.with_name(folder.name + CONFIRMATION))


def original_folder(study: Study) -> Path | None:
    """The folder of the study that a confirmation confirms; None where there is none."""
    folder = study.folder.resolve()
    if not is_confirmation(study) or not folder.name.endswith(CONFIRMATION):
        return None
    return _known(folder.with_name(folder.name.removesuffix(CONFIRMATION)))


@per_study
def confirmed_study(study: Study) -> Study | None:
    """The study that this one confirms; None where it confirms none, or lies elsewhere."""
    folder = original_folder(study)
    if folder is not None:
        with contextlib.suppress(RecordError, TableError):
            return load_study(folder)
    return None


def _known(folder: Path) -> Path | None:
    return folder if (folder / LEDGER).is_file() else None


def confirming_trials(study: Study) -> pd.DataFrame:
    """The trials that trained on all images, of the study and of its confirmation."""
    trials, folder = study.trials, confirmation_folder(study)
    if folder is not None:
        # a confirmation that cannot be read is ignored
        with contextlib.suppress(RecordError, TableError):
            trials = pd.concat([trials, load_study(folder).trials], ignore_index=True)
    return trials[trials["validation_images"] == 0]


def confirmations(study: Study) -> pd.DataFrame:
    """``replicates`` of test accuracy, for the configurations that trained on all images.

    They are those of this study and of the study ``<name>-confirm`` beside it.
    """
    return summarize_runs(confirming_trials(study), "test_accuracy")


def shared_ids(trials: pd.DataFrame) -> pd.Series:
    """An id that a searched configuration and its confirmation share."""
    return configuration_ids(trials, without=CHANGED)
