"""The outcome of each run for statistics: failures of training are outcomes, not missing values.

A run that diverges, or ends no better than guessing, counts at chance in the mean of its
configuration, whose result it is. A run that was lost with a machine is missing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.record.status import TrialStatus
from analysis.statistics.chance import HELD_OUT, UNTOLD_HELD_OUT, above_chance
from search_spaces.grammar.seeds import ESTIMATING_SEEDS_FROM


def outcomes(trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The trials with an outcome, with ``value``, ``collapsed`` and ``estimating``.

    ``value`` is the accuracy after the last epoch, a fraction, or chance level (1 ÷ classes) where
    the run ``collapsed``: it diverged, or ended no higher than ``above_chance``. ``estimating``
    tells runs on estimating seeds, which took part in no choice.
    """
    ended = trials["status"].isin([status for status in TrialStatus if status.is_final])
    has_outcome = ended & (trials[metric].notna() | (trials["status"] == TrialStatus.DIVERGED))
    runs = trials[has_outcome]
    chance = 1 / runs["classes"].astype("float64").fillna(10.0)
    bar = above_chance(chance, held_out(runs))
    accuracy = runs[metric].astype("float64")
    collapsed = (runs["status"] == TrialStatus.DIVERGED) | (accuracy <= bar)
    return runs.assign(
        value=np.where(collapsed, chance, accuracy),
        collapsed=collapsed.astype(bool),
        estimating=is_estimating(runs),
    )


def is_estimating(trials: pd.DataFrame) -> pd.Series:
    """Which trials run on estimating seeds."""
    return (trials["seed"].astype("float64") >= ESTIMATING_SEEDS_FROM).astype(bool)


def held_out(trials: pd.DataFrame) -> pd.Series:
    """The number of held-out images of each trial, according to its configuration."""
    usual = trials["dataset"].map(HELD_OUT).astype("float64").fillna(UNTOLD_HELD_OUT)
    counts = trials["validation_images"].astype("float64")
    return counts.where(counts > 0, usual)
