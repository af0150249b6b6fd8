"""The accuracy by which trials are judged, and how a figure names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.charts.chart import NothingToShow
from analysis.record.status import TrialStatus

if TYPE_CHECKING:
    from analysis.study.study import Study

METRIC_NAMES = {"val_accuracy_last": "validation accuracy", "test_accuracy": "TEST-SET accuracy"}


def scored_trials(study: Study, trials: pd.DataFrame | None = None) -> pd.DataFrame:
    """The finished ones of a study's trials (or of ``trials``), with ``accuracy`` and ``measure``.

    Accuracy is a fraction: that of the last epoch, on the validation images; a study that holds
    none out is judged on the test set. ``measure`` says which, in words. An early stop is no
    result, so trials that did not finish are left out.

    Raises:
        NothingToShow: where no trial has finished yet.
    """
    rows = finished(study.trials if trials is None else trials)
    rows = rows[rows[study.metric].notna()]
    if rows.empty:
        raise NothingToShow(nothing_finished(study.trials))
    return rows.assign(accuracy=rows[study.metric].astype(float), measure=metric_name(study))


def possible(frame: pd.DataFrame) -> pd.DataFrame:
    """Intervals of accuracies, cut at 0 and 1: of two runs that differ a t interval is wider."""
    bounds = [name for name in ("low", "high", "front_low", "front_high") if name in frame]
    return frame.assign(**{name: frame[name].clip(0, 1) for name in bounds})


def finished(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that ran to their last epoch."""
    return trials[trials["status"] == TrialStatus.FINISHED]


def metric_name(study: Study) -> str:
    """The accuracy that judges the trials, as an axis names it."""
    return balanced(study) + METRIC_NAMES[study.metric] + protocols(study)


def balanced(study: Study) -> str:
    """``balanced `` where trials are judged with each class counted alike, else nothing."""
    return "balanced " if "balanced_accuracy" in set(study.trials["metric"].dropna()) else ""


def protocols(study: Study) -> str:
    """`` · protocol original_tt`` where trials repeat the original's faults, else nothing."""
    names = sorted(set(study.trials["protocol"].dropna()) - {"corrected"})
    return f" · protocol {', '.join(names)}" if names else ""


def nothing_finished(trials: pd.DataFrame) -> str:
    """Why there is nothing to show: how many trials are in which state."""
    if trials.empty:
        return "No trial is planned yet."
    counts = trials["status"].value_counts()
    counted = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counts.items())
    return f"No trial has finished yet: {counted}."
