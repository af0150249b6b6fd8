"""What each run came to, as statistics take it: failures of training are outcomes, not gaps.

A run that diverges, or that ends no better than guessing, is what its configuration does: it counts
at chance in the mean of its own configuration. A run that a machine lost is missing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.record.status import TrialStatus
from analysis.statistics.chance import HELD_OUT, UNTOLD_HELD_OUT, above_chance
from search_spaces.grammar.seeds import ESTIMATING_SEEDS_FROM


def outcomes(trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The trials that came to something, with ``value``, ``collapsed`` and ``estimating``.

    ``value`` is the accuracy after the last epoch, a fraction, or chance (1 ÷ classes) where the
    run ``collapsed``: it diverged, or ended no higher than ``above_chance``.
    ``estimating`` tells runs on seeds that took part in no choice.
    """
    ended = trials["status"].isin([one for one in TrialStatus if one.is_final])
    known = ended & (trials[metric].notna() | (trials["status"] == TrialStatus.DIVERGED))
    runs = trials[known]
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
    """How many images each trial's accuracy rests on, as far as its configuration says."""
    usual = trials["dataset"].map(HELD_OUT).astype("float64").fillna(UNTOLD_HELD_OUT)
    given = trials["validation_images"].astype("float64")
    return given.where(given > 0, usual)
