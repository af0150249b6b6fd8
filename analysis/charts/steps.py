"""Neighbourhoods of numbers: sampled values hardly ever repeat, their neighbourhoods do."""

from __future__ import annotations

import numpy as np
import pandas as pd

MANY, STEPS = 24, 12
"""A key with more than ``MANY`` values is divided into ``STEPS`` neighbourhoods."""


def neighbourhood(values: pd.Series) -> pd.Series:
    """The label of each value's neighbourhood; with few values each is its own.

    Neighbourhoods have equal ratios where the values span a factor of 20, else equal widths.
    """
    values = values.astype(float)
    if values.nunique() <= MANY:
        return values
    wide = (values > 0).all() and values.max() >= 20 * values.min()
    return pd.cut(np.log(values) if wide else values, STEPS, labels=False).astype(float)
