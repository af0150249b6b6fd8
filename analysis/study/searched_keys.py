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
        column = RENAMED.get(name, name)
        when = {RENAMED.get(other, other): one for other, one in (key.get("when") or {}).items()}
        if not when or any(one not in frame for one in (column, *when)):
            continue
        exists = pd.Series(True, index=frame.index)
        for other, values in when.items():
            asked = absent.get(other, frame[other])  # a key that does not exist has no value
            exists &= asked.isin(list(values)).fillna(False).astype(bool)
        if not exists.all():
            absent[column] = frame[column].where(exists)
    return frame.assign(**absent) if absent else frame


def searched_keys(space: Mapping[str, Any], role: str | None = None) -> tuple[str, ...]:
    """The searched keys, or those of a role ("scientific", "nuisance"), as columns."""
    keys = space.get("keys") or {}
    named = [name for name, key in keys.items() if role in (None, key.get("role", "scientific"))]
    return tuple(RENAMED.get(name, name) for name in named)
