"""Which configurations are compared: two treatments on the same architectures, or at equal size.

How architectures pair follows from the question: a key that changes the network (its family,
dimensions, width or size) is compared at equal parameters, every other key on equal shapes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from analysis.record.dtypes import RENAMED
from analysis.study.configurations import SIZE_COLUMNS, varying

TOLERANCE = 0.03
"""Networks are of equal size when their parameters differ by at most this share."""

SHAPE_COLUMNS = (*SIZE_COLUMNS, "dims")
NETWORK_COLUMNS = (*SHAPE_COLUMNS, "layer", "width", "network", "replace", "keep", "budget_side")
"""The columns that decide the network's shapes: who changes one of them changes its size."""

TUNED_ROLES = ("nuisance", "carried")


def tuned_columns(space: Mapping[str, Any]) -> tuple[str, ...]:
    """The searched keys that each arm tunes for itself."""
    keys = (space.get("keys") or {}).items()
    return tuple(RENAMED.get(name, name) for name, key in keys if key.get("role") in TUNED_ROLES)


def equals(values: pd.Series, wanted: Any) -> pd.Series:
    """Whether each value is the wanted one; None is a missing value."""
    if wanted is None:
        return values.isna()
    return (values == wanted).fillna(False).astype(bool)


def numbered(rows: pd.DataFrame, without: Iterable[str]) -> pd.Series:
    """A number that rows share when their configurations differ in ``without`` and seed alone."""
    apart = {"seed", *without}
    by = [name for name in varying(rows, without=()) if name not in apart]
    if not by:
        return pd.Series(0, index=rows.index)
    return rows.groupby(by, dropna=False, sort=False).ngroup()


def pair_architectures(
    frame: pd.DataFrame, key: str, baseline: Any, treatment: Any, tuned: Iterable[str] = ()
) -> pd.DataFrame:
    """A row a configuration that is compared: ``id, block, treated, family, candidates``.

    ``frame`` has a row a configuration by its id, the best first; each architecture's arm is its
    first row over the ``tuned`` keys (``candidates`` counts them). ``block`` numbers the pairs.
    """
    ours = frame[equals(frame[key], baseline) | equals(frame[key], treatment)]
    ours = ours.assign(
        treated=equals(ours[key], treatment),
        architecture=numbered(ours, without={key, *tuned}),
        context=numbered(ours, without={key, *tuned, *SHAPE_COLUMNS}),
    )
    most = ours.groupby(["architecture", "treated"], sort=False)["runs"].transform("max")
    ours = ours[ours["runs"] >= most / 2]  # the fewer the runs, the luckier the best of them
    counts = ours.groupby(["architecture", "treated"], sort=False)["treated"].transform("size")
    arms = ours.assign(candidates=counts).drop_duplicates(["architecture", "treated"])
    arms = arms.rename_axis("id").reset_index()
    if key in NETWORK_COLUMNS:
        pairs = _equal_size(arms)
    else:
        pairs = arms[arms.groupby("architecture")["treated"].transform("nunique") == 2]
        pairs = pairs.assign(block=pairs.groupby("architecture", sort=False).ngroup())
    families = pairs["layer"].where(~pairs["treated"])
    pairs = pairs.assign(family=families.groupby(pairs["block"]).transform("first"))
    return pairs[["id", "block", "treated", "family", "candidates", "parameters"]]


def _equal_size(arms: pd.DataFrame) -> pd.DataFrame:
    """Pairs of equal size, the closest first, each configuration in one pair."""
    columns = ["id", "context", "parameters"]
    left, right = arms.loc[~arms["treated"], columns], arms.loc[arms["treated"], columns]
    pairs = left.merge(right, on="context", suffixes=("", "_treated"))
    ratio = pairs["parameters_treated"].astype("float64") / pairs["parameters"].astype("float64")
    pairs = pairs.assign(apart=ratio.map(math.log).abs()).sort_values("apart", kind="stable")
    blocks: dict[str, int] = {}
    for row in pairs[pairs["apart"] <= math.log1p(TOLERANCE)].itertuples():
        if row.id not in blocks and row.id_treated not in blocks:
            blocks[row.id] = blocks[row.id_treated] = len(blocks) // 2
    ours = arms[arms["id"].isin(blocks)]
    return ours.assign(block=ours["id"].map(blocks).astype("int64"))
