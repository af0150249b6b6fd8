"""How long trials run, and from when on a scheduler may judge them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from search_spaces.grammar.domains import Choice, Scalar
from search_spaces.grammar.space import SearchSpace
from trainables.config.train_config import TrainConfig
from trainables.training.schedule import DAWN_PEAK
from tune_app.deciding.schedulers import Horizon
from tune_app.planning.plan import Plan


def horizon(plan: Plan) -> Horizon:
    """Over every trial that may come: the most epochs, and the longest warm-up in epochs."""
    runs = [(one.config.schedule, one.config.epochs) for one in plan.trials] or [
        (str(schedule), int(epochs))
        for schedule in _values(plan.space, "schedule")
        for epochs in _values(plan.space, "epochs")
    ]
    longest = max(epochs for _, epochs in runs)
    grace = max(warm_up(schedule, epochs) for schedule, epochs in runs)
    return Horizon(longest, min(longest, max(1, grace)))


def warm_up(schedule: str, epochs: int) -> int:
    """Epochs until the rate has peaked."""
    return math.ceil(DAWN_PEAK * epochs) if schedule == "dawn" else 0


def _values(space: SearchSpace, name: str) -> Iterable[Scalar]:
    """What a key may be; of an interval its upper end."""
    if name in space.fixed:
        return [space.fixed[name]]
    if name not in space.keys:
        return [getattr(TrainConfig(), name)]
    domain = space.keys[name].domain
    return domain.values if isinstance(domain, Choice) else [domain.high]
