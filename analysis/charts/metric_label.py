"""The accuracy by which trials are judged, and its name in figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.charts.chart import NothingToShow
from analysis.record.status import TrialStatus

if TYPE_CHECKING:
    from analysis.study.study import Study

METRIC_NAMES = {"val_accuracy_last": "validation accuracy", "test_accuracy": "TEST-SET accuracy"}


def scored_trials(study: Study, trials: pd.DataFrame | None = None) -> pd.DataFrame:
    """The finished trials of a study (or of ``trials``), with ``accuracy`` and ``measure``.

    ``accuracy`` is a fraction, after the last epoch, on the validation images, or on the test set
    if the study holds none out; ``measure`` names which. Trials that did not finish are left out,
    since the accuracy at an early stop is not a result.

    Raises:
        NothingToShow: where no trial has finished yet.
    """
    rows = finished(study.trials if trials is None else trials)
    rows = rows[rows[study.metric].notna()]
    if rows.empty:
        raise NothingToShow(nothing_finished(study.trials))
    return rows.assign(accuracy=rows[study.metric].astype(float), measure=metric_name(study))


def finished(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that ran to their last epoch."""
    return trials[trials["status"] == TrialStatus.FINISHED]


def metric_name(study: Study) -> str:
    """The accuracy that judges the trials, as an axis names it."""
    return balanced(study) + METRIC_NAMES[study.metric] + protocols(study)


def balanced(study: Study) -> str:
    """``balanced `` where trials are judged by balanced accuracy, else ""."""
    return "balanced " if "balanced_accuracy" in set(study.trials["metric"].dropna()) else ""


def protocols(study: Study) -> str:
    """`` · protocol original_tt`` where trials repeat the 2018 study's faults, else ""."""
    names = sorted(set(study.trials["protocol"].dropna()) - {"corrected"})
    return f" · protocol {', '.join(names)}" if names else ""


def nothing_finished(trials: pd.DataFrame) -> str:
    """The reason why there is nothing to show: the number of trials by status."""
    if trials.empty:
        return "No trial is planned yet."
    counts = trials["status"].value_counts()
    counted = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counts.items())
    return f"No trial has finished yet: {counted}."
