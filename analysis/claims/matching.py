"""Which configurations are compared: two treatments on equal architectures, or at equal size.

A key that changes the network (its family, dimensions, width or size) is compared at equal numbers
of parameters, every other key on equal architectures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from analysis.record.dtypes import RENAMED
from analysis.study.configurations import varying
from trainables.sizes.size_keys import EQUAL_SIZE, NETWORK_KEYS, SHAPE_KEYS

SHAPE_COLUMNS = tuple(RENAMED.get(name, name) for name in SHAPE_KEYS)
NETWORK_COLUMNS = tuple(RENAMED.get(name, name) for name in NETWORK_KEYS)
"""The columns that decide the network's shapes, and with them its size."""

TUNED_ROLES = ("nuisance", "carried")


def tuned_columns(space: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns of the searched keys that each arm tunes for itself."""
    keys = (space.get("keys") or {}).items()
    return tuple(RENAMED.get(name, name) for name, key in keys if key.get("role") in TUNED_ROLES)


def equals(values: pd.Series, value: Any) -> pd.Series:
    """Whether each of the values is ``value``; None stands for a missing one."""
    if value is None:
        return values.isna()
    return (values == value).fillna(False).astype(bool)


def numbered(rows: pd.DataFrame, without: Iterable[str]) -> pd.Series:
    """A number shared by rows whose configurations differ in ``without`` and the seed alone."""
    ignored = {"seed", *without}
    by = [name for name in varying(rows, without=()) if name not in ignored]
    if not by:
        return pd.Series(0, index=rows.index)
    return rows.groupby(by, dropna=False, sort=False).ngroup()


def counted_once(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs without blocks that share a trial with an earlier one: a network written twice.

    ``runs`` has ``block``, ``trial_id`` and ``alias``, as in ``grid``. A network that two families
    share counts for the first: as two units that agree it would make the others look surer.
    """
    if not runs["alias"].any():
        return runs
    again = runs["block"] > runs.groupby("trial_id")["block"].transform("min")
    return runs[~runs["block"].isin(runs.loc[again, "block"])]


def pair_architectures(
    frame: pd.DataFrame, key: str, baseline: Any, treatment: Any, tuned: Iterable[str] = ()
) -> pd.DataFrame:
    """The configurations to compare, in pairs. A network is not compared with itself.

    Args:
        frame: as ``candidates`` gives it.
        key: the column that is compared.
        baseline: its one value.
        treatment: its other value.
        tuned: columns that each arm tunes; the first row over them is the arm's configuration.

    Returns:
        A row for each compared configuration: ``id``, ``block`` (number of its pair), ``treated``,
        ``family``, ``candidates`` (how many settings it was selected from), ``chosen_on`` (how many
        runs of each setting decided that), ``parameters``.
    """
    rows = frame[equals(frame[key], baseline) | equals(frame[key], treatment)]
    rows = rows.assign(
        treated=equals(rows[key], treatment),
        architecture=numbered(rows, without={key, *tuned}),
        context=numbered(rows, without={key, *tuned, *SHAPE_COLUMNS}),
    )
    most = rows.groupby(["architecture", "treated"], sort=False)["runs"].transform("max")
    rows = rows[rows["runs"] >= most / 2]  # means of fewer runs are more often high by chance
    counts = rows.groupby(["architecture", "treated"], sort=False)["trial"].transform("nunique")
    arms = rows.assign(candidates=counts).drop_duplicates(["architecture", "treated"])
    arms = arms.rename_axis("id").reset_index().rename(columns={"runs": "chosen_on"})
    if key in NETWORK_COLUMNS:
        pairs = _equal_size(arms)
    else:
        both = arms.groupby("architecture")[["treated", "trial"]].transform("nunique") == 2
        pairs = arms[both.all(axis=1)]
        pairs = pairs.assign(block=pairs.groupby("architecture", sort=False).ngroup())
    families = pairs["layer"].where(~pairs["treated"])
    pairs = pairs.assign(family=families.groupby(pairs["block"]).transform("first"))
    return pairs[["id", "block", "treated", "family", "candidates", "chosen_on", "parameters"]]


def _equal_size(arms: pd.DataFrame) -> pd.DataFrame:
    """Pairs of equal size, matched greedily from the closest; each configuration is in one pair."""
    columns = ["id", "context", "parameters", "trial"]
    left, right = arms.loc[~arms["treated"], columns], arms.loc[arms["treated"], columns]
    pairs = left.merge(right, on="context", suffixes=("", "_treated"))
    pairs = pairs[pairs["trial"] != pairs["trial_treated"]]
    distance = _distance(pairs["parameters"], pairs["parameters_treated"])
    pairs = pairs.assign(distance=distance).sort_values("distance", kind="stable")
    blocks: dict[str, int] = {}
    for row in pairs[equal_size(pairs["parameters"], pairs["parameters_treated"])].itertuples():
        if row.id not in blocks and row.id_treated not in blocks:
            blocks[row.id] = blocks[row.id_treated] = len(blocks) // 2
    matched = arms[arms["id"].isin(blocks)]
    return matched.assign(block=matched["id"].map(blocks).astype("int64"))


def equal_size(left: pd.Series, right: pd.Series) -> pd.Series:
    """Whether two numbers of parameters are of one size, ``EQUAL_SIZE`` apart at most."""
    return _distance(left, right) <= math.log1p(EQUAL_SIZE)


def _distance(left: pd.Series, right: pd.Series) -> pd.Series:
    return (right.astype("float64") / left.astype("float64")).map(math.log).abs()
