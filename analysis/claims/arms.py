"""Which runs are compared: two treatments on the same architectures, at equal size."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from analysis.record.status import TrialStatus
from analysis.record.tables import require
from analysis.study.configurations import SIZE_COLUMNS, varying

TOLERANCE = 0.03
"""Networks are of equal size when their parameters differ by at most this share."""

SHAPE_COLUMNS = (*SIZE_COLUMNS, "dims")
COLUMNS = ("block", "treated", "seed", "value", "parameters", "trial_id", "configuration")


def contrast_runs(
    trials: pd.DataFrame,
    metric: str,
    key: str,
    baseline: Any,
    treatment: Any,
    nuisance: Iterable[str] = (),
) -> pd.DataFrame:
    """The finished runs of both treatments on architectures that have both, one row a run.

    Each treatment has its nuisance keys at their best (by mean) on each architecture. Where a
    treatment changes the size (another family, other dims), architectures are matched by their
    parameters, within ``TOLERANCE``, never by their rank. ``block`` numbers the architectures.
    """
    require(trials, (key,), "trials")
    apart = {"seed", key, *nuisance}
    finished = trials[(trials["status"] == TrialStatus.FINISHED) & trials[metric].notna()]
    ours = finished[_equals(finished[key], baseline) | _equals(finished[key], treatment)]
    names = varying(ours, without=())
    needed = dict.fromkeys((*names, key, "seed", "parameters", "trial_id", metric))
    ours = ours[list(needed)]
    ours = ours.assign(
        treated=_equals(ours[key], treatment).astype(bool),
        value=ours[metric].astype("float64"),
        architecture=_numbered(ours, names, without=apart),
        context=_numbered(ours, names, without=apart | set(SHAPE_COLUMNS)),
        configuration=_numbered(ours, names, without={"seed"}),
    )
    ours = _tuned(ours)
    pairs = _same_architecture(ours)
    if not len(pairs):
        pairs = _same_size(ours)
    return _blocks(ours, pairs)[list(COLUMNS)]


def _numbered(runs: pd.DataFrame, names: list[str], without: set[str]) -> pd.Series:
    """A number that runs share when they differ, of ``names``, in those of ``without`` alone."""
    by = [name for name in names if name not in without]
    if not by:
        return pd.Series(0, index=runs.index)
    return runs.groupby(by, dropna=False, sort=False).ngroup()


def _equals(values: pd.Series, wanted: Any) -> pd.Series:
    if wanted is None:
        return values.isna()
    return (values == wanted).fillna(False).astype(bool)


def _tuned(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of each architecture and arm at the nuisance values of the highest mean."""
    arm = ["architecture", "treated"]
    means = runs.groupby([*arm, "configuration"], sort=False)["value"].mean().reset_index()
    best = means.sort_values("value", ascending=False, kind="stable").drop_duplicates(arm)
    return runs[runs["configuration"].isin(best["configuration"])]


def _arms(runs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row a configuration of the baseline, and of the treatment."""
    once = runs.drop_duplicates("configuration")
    once = once[["configuration", "architecture", "context", "parameters", "treated"]]
    return once[~once["treated"]], once[once["treated"]]


def _same_architecture(runs: pd.DataFrame) -> pd.DataFrame:
    """Pairs that differ in the treatment alone, and in size by no more than the tolerance."""
    baseline, treated = _arms(runs)
    pairs = baseline.merge(treated, on="architecture", suffixes=("", "_treated"))
    return pairs[_apart(pairs) <= math.log1p(TOLERANCE)]


def _same_size(runs: pd.DataFrame) -> pd.DataFrame:
    """Pairs of equal size, the closest first, each configuration in one pair."""
    baseline, treated = _arms(runs)
    pairs = baseline.merge(treated, on="context", suffixes=("", "_treated"))
    pairs = pairs.assign(apart=_apart(pairs)).sort_values("apart", kind="stable")
    pairs = pairs[pairs["apart"] <= math.log1p(TOLERANCE)]
    used: set[int] = set()
    kept = []
    for row in pairs.itertuples():
        free = not used & {row.configuration, row.configuration_treated}
        kept.append(free)
        if free:
            used |= {row.configuration, row.configuration_treated}
    return pairs[pd.Series(kept, index=pairs.index, dtype=bool)]


def _apart(pairs: pd.DataFrame) -> pd.Series:
    ratio = pairs["parameters_treated"].astype("float64") / pairs["parameters"].astype("float64")
    return ratio.map(math.log).abs()


def _blocks(runs: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    members = pd.concat([pairs["configuration"], pairs["configuration_treated"]])
    numbers = pd.Series([*range(len(pairs))] * 2, index=pd.Index(members), dtype="int64")
    ours = runs[runs["configuration"].isin(numbers.index)]
    return ours.assign(block=ours["configuration"].map(numbers).astype("int64"))
