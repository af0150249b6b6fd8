"""How long trials run, and from when on, and on what, a scheduler may judge them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from analysis.statistics.chance import above_chance
from search_spaces.grammar.domains import Choice, Scalar
from search_spaces.grammar.space import SearchSpace
from trainables.config.train_config import TrainConfig
from trainables.data.datasets.registry import count_dataset
from trainables.data.sources import DatasetError, count_images
from trainables.training.schedule import DAWN_PEAK
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.command.schedulers import SCHEDULERS
from tune_app.planning.data_request import data_request

REDUCTION_FACTOR = 3.0
"""One trial in three goes on past a rung (the eta that Li et al. 2020 recommend is 3 or 4)."""

SHORT = 24
"""Epochs below which dawn's first quarter says as little as cosine's."""

FEW_HELD_OUT = 180
"""Held-out images where they cannot be counted: those of the smallest ready data set."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """How long trials run, in epochs (at least 1), and when asha judges them.

    ``max_t`` is the longest trial's; no trial is stopped before ``grace_period``. At each rung one
    trial in ``reduction_factor`` goes on. A rung whose cut-off is not above ``noise_floor``, an
    accuracy in [0, 1], stops nobody.
    """

    max_t: int = 1
    grace_period: int = 1
    reduction_factor: float = REDUCTION_FACTOR
    noise_floor: float = 0.0

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs at which asha may stop a trial: none is its last."""
        share = self.max_t / self.grace_period
        count = int(math.log(share) / math.log(self.reduction_factor) + 1)
        steps = (self.grace_period * self.reduction_factor**step for step in range(count))
        epochs = dict.fromkeys(math.ceil(step) for step in steps)
        return tuple(epoch for epoch in epochs if epoch < self.max_t)

    def words(self, scheduler: str) -> str:
        """When and on what it judges, in a sentence."""
        rule = (
            f"it stops no trial while its cut-off is at most {self.noise_floor:.1%}, two standard "
            "errors above chance"
        )
        if not SCHEDULERS[scheduler].has_rungs:
            return f"{scheduler}: from epoch {self.grace_period} on; {rule}"
        if not self.rungs:
            return f"{scheduler}: no rung before the last epoch, {self.max_t}; it stops no trial"
        epochs = ", ".join(map(str, self.rungs))
        several = "s" if len(self.rungs) > 1 else ""
        return (
            f"{scheduler}: rung{several} at epoch{several} {epochs}, where one trial in "
            f"{self.reduction_factor:g} continues; {rule}"
        )


def plan_horizon(
    space: SearchSpace, configs: Iterable[TrainConfig], options: RunOptions, scheduler: str
) -> Horizon:
    """Over every trial that may come: the most epochs, and the first that may be judged.

    Raises:
        UsageError: for a grace period or a reduction factor that fits neither.
    """
    configs = list(configs)
    runs = {(config.schedule, config.epochs) for config in configs} or {
        (str(schedule), int(epochs))
        for schedule in _values(space, "schedule")
        for epochs in _values(space, "epochs")
    }
    max_t = max(epochs for _, epochs in runs)
    earliest = min(max_t, max(earliest_rung(schedule, epochs) for schedule, epochs in runs))
    problems = list(_problems(options, scheduler, max_t, earliest))
    if problems:
        raise UsageError(problems)
    return Horizon(
        max_t,
        options.grace_period or earliest,
        options.reduction_factor or REDUCTION_FACTOR,
        noise_floor(space, configs, options) if SCHEDULERS[scheduler].stops else 0.0,
    )


def earliest_rung(schedule: str, epochs: int) -> int:
    """The first epoch after which accuracies tell something about a trial.

    Past the warm-up, in which accuracies under a rising rate predict little; under cosine, which
    begins at its highest rate, and in short schedules at a quarter of the epochs.
    """
    quarter = schedule != "dawn" or epochs < SHORT
    return max(1, math.ceil((0.25 if quarter else DAWN_PEAK) * epochs))


def noise_floor(space: SearchSpace, configs: Iterable[TrainConfig], options: RunOptions) -> float:
    """The accuracy up to which a network may be guessing: chance and two standard errors."""
    config = next(iter(configs), TrainConfig())
    held_out = config.validation_images
    try:
        counts = count_dataset(data_request(space.fixed, options))
        held_out = count_images(config, counts)[0] or counts.test_images
    except DatasetError:
        pass  # the data are not there yet; starting the study reports it
    return float(above_chance(1 / config.classes, held_out or FEW_HELD_OUT))


def _problems(options: RunOptions, scheduler: str, max_t: int, earliest: int) -> Iterator[str]:
    grace = options.grace_period
    if grace is not None and not SCHEDULERS[scheduler].stops:
        yield "--grace-period says when a scheduler may stop trials; add --scheduler asha"
    elif grace is not None and not earliest <= grace <= max_t:
        yield (
            f"--grace-period {grace}: trials of {max_t} epochs are judged from epoch {earliest} on "
            f"at the earliest, and at the latest after their last; name {earliest} to {max_t}"
        )
    if options.reduction_factor is not None and not SCHEDULERS[scheduler].has_rungs:
        rungs = " or ".join(name for name, entry in SCHEDULERS.items() if entry.has_rungs)
        yield f"--reduction-factor is for --scheduler {rungs}"


def _values(space: SearchSpace, name: str) -> Iterable[Scalar]:
    """What a key may be; of an interval its upper end."""
    if name in space.fixed:
        return [space.fixed[name]]
    if name not in space.keys:
        return [getattr(TrainConfig(), name)]
    domain = space.keys[name].domain
    return domain.values if isinstance(domain, Choice) else [domain.high]
