"""Replicates: configurations over their random seeds, and the order among configurations."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from analysis.record.status import TrialStatus
from analysis.record.tables import TableError
from analysis.statistics.intervals import rounding_variance, t_half_width
from analysis.study.configurations import config_names, labels, with_configurations
from analysis.study.outcomes import is_estimating, outcomes
from analysis.study.study import Study, per_study

NETWORK = ("parameters", "macs", "compression", "factor_parameters")
SUMMARY = (
    "n", "planned", "collapsed", "estimated", "mean", "sd", "low", "high", "train_seconds",
)  # fmt: skip


@per_study
def replicates(study: Study) -> pd.DataFrame:
    """A row for each configuration over its finished seeds: mean, sd, n, 95 % t interval."""
    return summarize_runs(study.trials, study.metric)


def summarize_runs(trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A row for each configuration over its seeds, from trials that ran to the end.

    ``mean``, ``sd`` and ``low`` to ``high`` (95 % t interval) are of ``metric``. ``n`` is the
    number of runs, ``planned`` the number of planned runs, ``collapsed`` the number of runs that
    diverged or learned nothing and count at chance. Where a configuration was ``estimated``, only
    its estimating seeds count. With n = 1 there is no sd and no interval. A configuration without a
    finished trial has no row: a stopped trial is not comparable.
    """
    if metric not in trials or not pd.api.types.is_numeric_dtype(trials[metric]):
        numeric = [name for name in trials if pd.api.types.is_numeric_dtype(trials[name])]
        raise TableError(f"no numeric column {metric!r} in trials; there are {', '.join(numeric)}")
    trials = with_configurations(trials)
    runs = judging_runs(outcomes(trials, metric))
    groups = runs.groupby("configuration", sort=False)
    summary = pd.DataFrame(
        {
            "n": groups["value"].size().astype("int64"),
            "collapsed": groups["collapsed"].sum().astype("int64"),
            "mean": groups["value"].mean().astype("float64"),
            "sd": groups["value"].std(ddof=1).astype("float64"),
            "train_seconds": groups["train_seconds"].mean(),
            "estimated": groups["estimating"].any().astype(bool),
        }
    )
    smallest_sd = math.sqrt(rounding_variance(runs["value"]))
    half = t_half_width(np.maximum(summary["sd"].to_numpy(), smallest_sd), summary["n"].to_numpy())
    # the t interval of two runs may reach beyond what an accuracy can be
    low, high = (summary["mean"] - half).clip(0, 1), (summary["mean"] + half).clip(0, 1)
    summary = summary.assign(low=low, high=high)
    summary["planned"] = planned_runs(trials).reindex(summary.index).astype("int64")
    first = runs[runs["status"] == TrialStatus.FINISHED].drop_duplicates("configuration")
    first = first.set_index("configuration")
    names = [name for name in config_names(trials) if name != "seed"]
    first = first.assign(label=labels(first))[["label", *names, *NETWORK]]
    return first.join(summary[list(SUMMARY)]).reset_index()


def judging_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """The ``outcomes`` that a configuration is judged by: on estimating seeds if it has any."""
    estimated = runs.groupby("configuration")["estimating"].transform("any")
    return runs[runs["estimating"] | ~estimated.astype(bool)]


def planned_runs(trials: pd.DataFrame) -> pd.Series:
    """The number of each configuration's runs in the ledger, of the stage that it is judged by."""
    estimating = is_estimating(trials)
    estimated = estimating.groupby(trials["configuration"]).transform("any")
    return trials.loc[estimating | ~estimated, "configuration"].value_counts()


def best_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Configurations by descending ``mean``, of equal means the smaller network first."""
    mean = frame["mean"].round(12)  # sums in a different order differ in the last digits
    order = pd.DataFrame({"mean": -mean, "parameters": frame["parameters"].astype("float64")})
    positions = (
        order.reset_index(drop=True).sort_values(["mean", "parameters"], kind="stable").index
    )
    return frame.iloc[positions]


def enough_runs(n: pd.Series) -> pd.Series:
    """Which configurations have at least half as many runs as the one with the most."""
    return n >= n.max() / 2


def pareto_front(study: Study, x: str = "parameters", y: str = "val_accuracy") -> pd.DataFrame:
    """Every configuration, with the probability that it is on the front of low x and high y."""
    is_judged = y in ("val_accuracy", study.metric)
    return front_of(replicates(study) if is_judged else summarize_runs(study.trials, y), x)


def front_of(frame: pd.DataFrame, x: str) -> pd.DataFrame:
    """``statistics.pareto`` of configurations: only of the estimated ones, where there are any.

    The mean over choosing seeds is too high after a choice, so that configurations with no other
    runs have no place on the front.
    """
    # imports scipy.optimize, which ``status`` does not need
    from analysis.statistics.pareto import pareto

    if not frame["estimated"].any():
        return pareto(frame, x)
    front = pareto(frame[frame["estimated"]], x)
    others = pareto(frame[~frame["estimated"]], x).assign(on_front=False)
    doubt = ["probability", "front", "front_low", "front_high"]
    others[doubt] = math.nan
    return pd.concat([front, others]).sort_values(x, kind="stable").reset_index(drop=True)
