"""Rungs: who reached which, with what, and who was stopped there."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.record.status import TrialStatus
from analysis.study.study import Study


def reached_rungs(study: Study) -> pd.DataFrame:
    """A row for each rung that a trial reached: the rungs are the epochs at which any was stopped.

    ``place`` is its place among all that reached the rung (1 is best), ``reached`` their number.
    """
    trials, epochs = study.trials, study.epochs
    stopped = trials.loc[trials["status"] == TrialStatus.STOPPED, ["trial_id", "epochs_run"]]
    levels = np.sort(stopped["epochs_run"].dropna().unique().astype("int64"))
    ours = epochs.loc[epochs["epoch"].isin(levels), ["trial_id", "epoch", "val_accuracy", "time"]]
    ours = ours.rename(columns={"epoch": "rung"})
    where = stopped.rename(columns={"epochs_run": "rung"}).astype({"rung": "int64"})
    ours = ours.merge(where.assign(stopped=True), how="left", on=["trial_id", "rung"])
    ours["stopped"] = ours["stopped"].notna()
    scores = ours.groupby("rung")["val_accuracy"]
    ours["place"] = scores.rank(ascending=False, method="min")
    ours["reached"] = scores.transform("size").astype("int64")
    final = trials[["trial_id", "status", "val_accuracy_last", "parameters"]]
    return (
        ours.merge(final, on="trial_id", how="left")
        .sort_values(["rung", "time"])
        .reset_index(drop=True)
    )
