"""Sampled numbers hardly ever repeat: neighbourhoods of them can be compared instead."""

from __future__ import annotations

import numpy as np
import pandas as pd

MANY, STEPS = 24, 12
"""A number with more values than ``MANY`` is cut into ``STEPS`` neighbourhoods."""


def neighbourhood(values: pd.Series) -> pd.Series:
    """A label that values share where they count as one: themselves where few, else their step.

    Steps are of equal ratio where the values span a factor of 20, else of equal width.
    """
    values = values.astype(float)
    if values.nunique() <= MANY:
        return values
    wide = (values > 0).all() and values.max() >= 20 * values.min()
    return pd.cut(np.log(values) if wide else values, STEPS, labels=False).astype(float)
