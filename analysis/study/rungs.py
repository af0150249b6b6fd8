"""Rungs: the trials that reached each, their accuracies, and those that were stopped there."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.record.status import TrialStatus
from analysis.study.study import Study


def reached_rungs(study: Study) -> pd.DataFrame:
    """A row for each trial and rung that it reached; rungs are the epochs at which trials stopped.

    ``place`` is its rank among all trials that reached the rung (1 is best), ``reached`` their
    number.
    """
    trials, epochs = study.trials, study.epochs
    stopped = trials.loc[trials["status"] == TrialStatus.STOPPED, ["trial_id", "epochs_run"]]
    levels = np.sort(stopped["epochs_run"].dropna().unique().astype("int64"))
    reports = epochs.loc[
        epochs["epoch"].isin(levels), ["trial_id", "epoch", "val_accuracy", "time"]
    ]
    reports = reports.rename(columns={"epoch": "rung"})
    stops = stopped.rename(columns={"epochs_run": "rung"}).astype({"rung": "int64"})
    reports = reports.merge(stops.assign(stopped=True), how="left", on=["trial_id", "rung"])
    reports["stopped"] = reports["stopped"].notna()
    scores = reports.groupby("rung")["val_accuracy"]
    reports["place"] = scores.rank(ascending=False, method="min")
    reports["reached"] = scores.transform("size").astype("int64")
    final = trials[["trial_id", "status", "val_accuracy_last", "parameters"]]
    return (
        reports.merge(final, on="trial_id", how="left")
        .sort_values(["rung", "time"])
        .reset_index(drop=True)
    )
