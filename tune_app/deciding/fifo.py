"""No scheduler: every trial runs to its end."""

from __future__ import annotations

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from tune_app.planning.horizon import Horizon


def fifo(horizon: Horizon) -> TrialScheduler:
    """Ray's, which stops no trial."""
    return FIFOScheduler()
