"""Columns of the keys that a configuration may leave open, in one form for each study.

Writing a default out does not make another configuration. Where the space searches such a key, its
column has the value that training used. Elsewhere a value equal to the default is left out, unless
all trials used one value that is the default of some alone: these would seem to differ in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from trainables.config.resolution import DECIDED_BY, OPEN_KEYS, default_values, read_facts


def in_one_spelling(
    trials: pd.DataFrame, info: Mapping[str, Any], said: Iterable[str] | None = None
) -> pd.DataFrame:
    """The same trials, each open key said or left out as its study has it.

    Args:
        trials: with configurations as columns.
        info: study.json; without one, what follows from the data stays as it is.
        said: the open keys whose values are said; those that the space searches unless given.
    """
    if not len(trials) or not {*DECIDED_BY, *OPEN_KEYS} <= {*trials}:
        return trials
    searched = (info.get("space") or {}).get("keys") or {}
    said = set(searched) if said is None else set(said)
    own = _default_values(trials, info)
    changed = {}
    for name in OPEN_KEYS:
        known = own[name].notna()
        filled = trials[name].where(trials[name].notna() | ~known, own[name])
        left_out = trials[name].mask(known & (trials[name] == own[name]).fillna(False))
        alike = filled.nunique(dropna=False) == 1 < left_out.nunique(dropna=False)
        spelled = filled if name in said or alike else left_out
        changed[name] = spelled.astype(trials[name].dtype)
    return trials.assign(**changed)


def _default_values(trials: pd.DataFrame, info: Mapping[str, Any]) -> pd.DataFrame:
    """For each trial what leaving an open key out stands for; missing where that is unknown."""
    data = read_facts(info.get("dataset"))
    kinds = trials[list(DECIDED_BY)].astype("object").where(trials[list(DECIDED_BY)].notna(), None)
    numbers = trials.groupby(list(DECIDED_BY), dropna=False, sort=False).ngroup()
    first = kinds[~numbers.duplicated()]
    known = trials["image_size"].notna() & trials["batch_size"].notna()  # else its plan is lost
    own = pd.DataFrame(
        [
            default_values(keys, data) if known[index] else {}
            for index, keys in zip(first.index, first.to_dict("records"), strict=True)
        ],
        index=numbers[first.index],
    ).reindex(columns=list(OPEN_KEYS))
    frame = own.loc[numbers].set_axis(trials.index)
    return pd.DataFrame(
        {name: frame[name].astype(trials[name].dtype) for name in OPEN_KEYS}, index=trials.index
    )
