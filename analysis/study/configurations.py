"""Configurations: trials that differ in their seed alone are replicates of one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from analysis.record.dtypes import CONFIG_DTYPES, RENAMED
from analysis.record.status import TrialStatus
from analysis.record.tables import TableError
from analysis.statistics.intervals import t_half_width
from analysis.study.outcomes import is_estimating, outcomes
from trainables.config.train_config import TrainConfig
from trainables.sizes.size_keys import SIZE_KEYS

SIZE_COLUMNS = tuple(RENAMED.get(name, name) for name in SIZE_KEYS)
DEFAULTS = {
    RENAMED.get(name, name): key.default
    for name, key in TrainConfig.__dataclass_fields__.items()
    if key.default is not None
}
"""What a key is that is not given, by its column."""

NETWORK = ("parameters", "macs", "compression", "factor_parameters")
SUMMARY = (
    "n", "planned", "collapsed", "estimated", "mean", "sd", "low", "high", "train_seconds",
)  # fmt: skip


def config_names(trials: pd.DataFrame) -> list[str]:
    """The columns that hold a configuration."""
    return [name for name in CONFIG_DTYPES if name in trials]


def configuration_ids(trials: pd.DataFrame, without: Iterable[str] = ("seed",)) -> pd.Series:
    """An id shared by trials that differ in the columns ``without`` alone, in all studies.

    A key that a trial does not have counts as its default, as it does in training.
    """
    names = [name for name in config_names(trials) if name not in set(without)]
    if not len(trials):
        return pd.Series([], dtype="str", index=trials.index)
    known = trials["layer"].notna() if "layer" in trials else pd.Series(True, index=trials.index)
    whole = trials[names].fillna({name: value for name, value in DEFAULTS.items() if name in names})
    whole = whole.where(known, trials[names])  # of a trial whose configuration is lost nothing is
    hashes = pd.util.hash_pandas_object(whole, index=False)
    return pd.Series([f"{number:016x}"[:12] for number in hashes], index=trials.index, dtype="str")


def varying(trials: pd.DataFrame, without: Iterable[str] = ("seed",)) -> list[str]:
    """Configuration columns with more than one value."""
    names = [name for name in config_names(trials) if name not in set(without)]
    return [name for name in names if trials[name].nunique(dropna=False) > 1]


def labels(trials: pd.DataFrame) -> pd.Series:
    """What a person calls each configuration: its layer and what varies, "low_rank rank 8".

    Numbers have as many digits as tell the values of a key apart, so that labels are unique.
    """
    names = [name for name in varying(trials) if name != "layer"]
    columns = [_said(name, trials[name]) for name in names]
    parts = zip(trials["layer"], *columns, strict=True) if len(trials) else ()
    text = [" ".join(part for part in row if isinstance(part, str) and part) for row in parts]
    return pd.Series(text, index=trials.index, dtype="str")


def _said(name: str, values: pd.Series) -> list[str]:
    known = values.notna()
    words = distinct_numbers(values[known]) if len(values) else {}
    return [
        f"{name} {words[value]}" if there else ""
        for value, there in zip(values, known, strict=True)
    ]


def distinct_numbers(values: Iterable[object]) -> dict[object, str]:
    """Each value in words; floats with the fewest digits (three or more) that tell them apart."""
    different = dict.fromkeys(values)
    floats = [value for value in different if isinstance(value, float)]
    enough = (n for n in range(3, 17) if len({f"{v:.{n}g}" for v in floats}) == len(floats))
    digits = next(enough, 17)
    return {v: f"{v:.{digits}g}" if isinstance(v, float) else str(v) for v in different}


def replicates(trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A row a configuration over its seeds, of trials that ran to their end.

    ``mean``, ``sd`` and ``low``–``high`` (95 % t interval) are of ``metric``; ``n`` counts the runs
    they rest on, ``planned`` those there would be, ``collapsed`` those that diverged or learned
    nothing, and count at chance. Where a configuration was ``estimated``, only those seeds count.
    With n = 1 there is no sd and no interval. A configuration of which no trial finished has no
    row: a stopped one is not comparable.
    """
    if metric not in trials or not pd.api.types.is_numeric_dtype(trials[metric]):
        numeric = [name for name in trials if pd.api.types.is_numeric_dtype(trials[name])]
        raise TableError(f"no numeric column {metric!r} in trials; there are {', '.join(numeric)}")
    trials = trials.assign(configuration=configuration_ids(trials))
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
    half = t_half_width(summary["sd"].to_numpy(), summary["n"].to_numpy())
    summary = summary.assign(low=summary["mean"] - half, high=summary["mean"] + half)
    summary["planned"] = planned_runs(trials).reindex(summary.index).astype("int64")
    first = runs[runs["status"] == "finished"].drop_duplicates("configuration")
    first = first.set_index("configuration")
    names = [name for name in config_names(trials) if name != "seed"]
    first = first.assign(label=labels(first))[["label", *names, *NETWORK]]
    return first.join(summary[list(SUMMARY)]).reset_index()


def judging_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """The ``outcomes`` that a configuration is judged by: on estimating seeds if it has some."""
    estimated = runs.groupby("configuration")["estimating"].transform("any")
    return runs[runs["estimating"] | ~estimated.astype(bool)]


def planned_runs(trials: pd.DataFrame) -> pd.Series:
    """How many runs each configuration has in the ledger, in the stage that it is judged by."""
    estimating = is_estimating(trials)
    estimated = estimating.groupby(trials["configuration"]).transform("any")
    return trials.loc[estimating | ~estimated, "configuration"].value_counts()


def best_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Configurations by ``mean``, of equal ones the smaller network first: what best means."""
    mean = frame["mean"].round(12)  # sums in another order differ in the last digits
    order = pd.DataFrame({"mean": -mean, "parameters": frame["parameters"].astype("float64")})
    places = order.reset_index(drop=True).sort_values(["mean", "parameters"], kind="stable").index
    return frame.iloc[places]


def enough_runs(n: pd.Series) -> pd.Series:
    """Which configurations have at least half as many runs as the one that has most."""
    return n >= n.max() / 2


def isolation(frame: pd.DataFrame, key: str) -> pd.DataFrame:
    """For each value of ``key`` the best row of ``replicates``.

    ``candidates`` counts the configurations the row is the best of: the more, the luckier.
    """
    if key not in frame:
        raise TableError(f"unknown key {key!r}; the keys are {', '.join(config_names(frame))}")
    ours = frame[frame[key].notna()]
    best = best_first(ours).drop_duplicates(key)
    candidates = ours.groupby(key, observed=True)["mean"].size()
    best = best.assign(candidates=best[key].map(candidates).astype("int64"))
    first = [key, "mean", "sd", "n", "low", "high", "candidates"]
    others = [name for name in best if name not in first]
    return best[first + others].sort_values(key).reset_index(drop=True)


def rungs(trials: pd.DataFrame, epochs: pd.DataFrame) -> pd.DataFrame:
    """A row for each rung that a trial reached: the rungs are the epochs at which any was stopped.

    ``place`` is its place among all that reached the rung (1 is best), ``reached`` their number.
    """
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


def grid(trials: pd.DataFrame, aliases: pd.DataFrame) -> pd.DataFrame:
    """Trials and aliases as rows: an alias has its twin's numbers, and its own keys as written."""
    whole = trials.assign(alias=False)
    known = aliases[aliases["same_as"].isin(trials["trial_id"])]
    if not len(known):
        return whole
    twins = trials.set_index("trial_id").loc[known["same_as"]].reset_index()
    for name in config_names(trials):
        written = known[name].reset_index(drop=True)
        sized = known[list(SIZE_COLUMNS)].notna().any(axis=1).reset_index(drop=True)
        if name in SIZE_COLUMNS:  # a size is given one way: the twin's other way is not this one's
            twins[name] = written.where(sized, twins[name])
        else:
            twins[name] = written.where(written.notna(), twins[name])
    return pd.concat([whole, twins.assign(alias=True)], ignore_index=True)
