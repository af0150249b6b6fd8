"""The runs that a question's claims rest on.

What was tuned on some runs is judged by others: where an arm chose among several settings, only
runs on estimating seeds count, for every arm of the question alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from analysis.claims.arm import Arm, make_arm
from analysis.claims.choosing import Chosen
from analysis.study.configurations import configuration_ids, grid
from analysis.study.outcomes import is_estimating, outcomes
from analysis.study.study import Study


@dataclass(frozen=True)
class Evidence:
    """``runs`` are a question's ``outcomes``, ``planned`` how many runs each configuration has.

    ``tuned`` says whether an arm chose among several settings; ``stage`` names what judges them.
    """

    runs: pd.DataFrame
    planned: pd.Series
    tuned: bool

    def arm(self, name: str, chosen: Chosen) -> Arm:
        """The runs of what an arm chose."""
        ours = self.runs[self.runs["configuration"] == chosen.id]
        planned = int(self.planned.get(chosen.id, 0))
        return make_arm(name, ours, planned, chosen.candidates)


def gather(study: Study, chosen: Iterable[Chosen], *, fresh: bool = False) -> Evidence:
    """The runs that may judge what was chosen; ``fresh`` ones alone where the arms were picked."""
    chosen = list(chosen)
    tuned = fresh or any(one.candidates > 1 for one in chosen)
    trials = grid(study).assign(configuration=configuration_ids(grid(study)))
    trials = trials[trials["configuration"].isin({one.id for one in chosen})]
    if tuned:
        trials = trials[is_estimating(trials)]
    return Evidence(outcomes(trials, study.metric), trials["configuration"].value_counts(), tuned)


UNTESTED = (
    "what was chosen was not run again on fresh seeds, and the runs that chose it are too good"
)
