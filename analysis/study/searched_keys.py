"""The keys of a searched space, as columns.

Where the ``when`` of a conditional key does not hold, the key has no value, not its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.record.dtypes import RENAMED


def existing(frame: pd.DataFrame, space: Mapping[str, Any]) -> pd.DataFrame:
    """The same rows, each searched key missing where it does not exist.

    ``frame`` has configurations as columns; ``space`` is as ``study.json`` holds it. A key whose
    condition names a key that the frame lacks is left as it is.
    """
    absent: dict[str, pd.Series] = {}
    for name, key in (space.get("keys") or {}).items():
        column, when = RENAMED.get(name, name), key.get("when") or {}
        if not when or column not in frame or any(other not in frame for other in when):
            continue
        exists = pd.Series(True, index=frame.index)
        for other, values in when.items():
            exists &= frame[RENAMED.get(other, other)].isin(list(values)).fillna(False).astype(bool)
        if not exists.all():
            absent[column] = frame[column].where(exists)
    return frame.assign(**absent) if absent else frame


def searched_keys(space: Mapping[str, Any], role: str | None = None) -> tuple[str, ...]:
    """The searched keys, or those of a role ("scientific", "nuisance"), as columns."""
    keys = space.get("keys") or {}
    named = [name for name, key in keys.items() if role in (None, key.get("role", "scientific"))]
    return tuple(RENAMED.get(name, name) for name in named)
