"""The keys of a searched space, as columns.

Where the condition (``when``) of a key does not hold, the key has no value, not its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.record.dtypes import RENAMED
from trainables.sizes.registry import SIZES

SIDE = "budget_side"
"""Column that says which width stands for a budget that no width fills."""
RANKED = [name for name, family in SIZES.items() if family.ranked]


def existing(frame: pd.DataFrame, space: Mapping[str, Any]) -> pd.DataFrame:
    """The same rows, with searched keys missing where they do not exist.

    ``frame`` has the keys of configurations as columns; ``space`` has the form of ``study.json``. A
    key whose condition names a key that the frame lacks is left unchanged.
    """
    absent: dict[str, pd.Series] = {}
    for name, key in (space.get("keys") or {}).items():
        column = RENAMED.get(name, name)
        when = {
            RENAMED.get(other, other): values for other, values in (key.get("when") or {}).items()
        }
        if not when or any(needed not in frame for needed in (column, *when)):
            continue
        exists = pd.Series(True, index=frame.index)
        for other, values in when.items():
            condition = absent.get(other, frame[other])  # a key that does not exist has no value
            exists &= condition.isin(list(values)).fillna(False).astype(bool)
        if not exists.all():
            absent[column] = frame[column].where(exists)
    return frame.assign(**absent) if absent else frame


def without_idle_sides(trials: pd.DataFrame) -> pd.DataFrame:
    """The same trials; a network with ranks fills its budget, and stands on no side of it.

    Runs that were borrowed may say another side than the study's own.
    """
    return trials.assign(**{SIDE: trials[SIDE].mask(trials["layer"].isin(RANKED), "within")})


def searched_keys(space: Mapping[str, Any], role: str | None = None) -> tuple[str, ...]:
    """The searched keys, or those of a role ("scientific", "nuisance"), as columns."""
    keys = space.get("keys") or {}
    names = [name for name, key in keys.items() if role in (None, key.get("role", "scientific"))]
    return tuple(RENAMED.get(name, name) for name in names)
