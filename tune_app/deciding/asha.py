"""Asynchronous successive halving (Li et al. 2020, arXiv:1810.05934)."""

from __future__ import annotations

from ray.tune.schedulers import AsyncHyperBandScheduler
from ray.tune.schedulers.async_hyperband import _Bracket

from tune_app.planning.horizon import Horizon


class Asha(AsyncHyperBandScheduler):
    """Ray's, except that a rung stops no trial while its cut-off may be chance."""

    def __init__(self, horizon: Horizon) -> None:
        super().__init__(
            time_attr="epoch",
            metric="score",
            mode="max",
            max_t=horizon.max_t,
            grace_period=horizon.grace_period,
            reduction_factor=horizon.reduction_factor,
            brackets=1,
        )
        self._brackets = [Bracket(horizon)]


class Bracket(_Bracket):
    """The rungs of one search, and what each trial had there."""

    def __init__(self, horizon: Horizon) -> None:
        super().__init__(horizon.grace_period, horizon.max_t, horizon.reduction_factor, s=0)
        self._floor = horizon.noise_floor

    def cutoff(self, recorded: dict) -> float | None:
        value = super().cutoff(recorded)
        return None if value is None or value <= self._floor else value
