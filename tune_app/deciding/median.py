"""The median stopping rule (Golovin et al. 2017, "Google Vizier")."""

from __future__ import annotations

from typing import Any

from ray.tune.schedulers import MedianStoppingRule

from tune_app.planning.horizon import Horizon


class Median(MedianStoppingRule):
    """Ray's, except that no trial is stopped while the median may be chance."""

    def __init__(self, horizon: Horizon) -> None:
        super().__init__(
            time_attr="epoch", metric="score", mode="max", grace_period=horizon.grace_period
        )
        self._floor = horizon.noise_floor

    def _best_result(self, trial: Any) -> float:
        """A median that is not above the floor exceeds no trial's best."""
        return max(super()._best_result(trial), self._floor)
