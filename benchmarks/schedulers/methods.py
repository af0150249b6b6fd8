"""What is compared: the functions in ``METHODS``, and those of a user's file."""

from __future__ import annotations

import functools
import runpy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import optuna

from analysis.statistics.chance import above_chance
from benchmarks.schedulers.curves import Curve
from benchmarks.schedulers.replay import Outcome, best_seen, replay
from trainables.config.metrics import WORST_SCORE
from tune_app.command.lazy_import import import_named
from tune_app.command.schedulers import SCHEDULERS
from tune_app.deciding.content_scheduler import size_bin
from tune_app.deciding.fifo import fifo
from tune_app.planning.horizon import Horizon, earliest_rung

KEPT = 8
"""One trial in so many is kept by the methods that train all for an epoch, or draw a part."""

IN_VAIN = 50
"""Proposals in a row that bring nothing new, after which TPE is no longer waited for."""


class MethodError(ValueError):
    """There is no such method."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a search would know: how many trials run at once, the schedule, the noise of chance.

    ``chance`` is the accuracy of guessing, ``images`` on how many the seen accuracies rest.
    """

    slots: int
    schedule: str
    chance: float
    images: int

    def horizon(self, epochs: int, reduction_factor: float) -> Horizon:
        """Asha's rungs and its floor, as ``run_tune.py`` sets them for such trials."""
        floor = above_chance(self.chance, self.images)
        return Horizon(epochs, earliest_rung(self.schedule, epochs), reduction_factor, floor)


Method = Callable[[Sequence[Curve], Setting, np.random.Generator], Outcome]
"""Searches over curves in the order given, which is random; returns what it chose and spent."""


def complete(curves: Sequence[Curve], setting: Setting, rng: np.random.Generator) -> Outcome:
    """Every trial runs to its end."""
    return replay(curves, lambda: fifo(Horizon()), slots=setting.slots)


def scheduled(
    curves: Sequence[Curve],
    setting: Setting,
    rng: np.random.Generator,
    *,
    scheduler: str = "asha",
    reduction_factor: float = 3.0,
    by_size: bool = False,
) -> Outcome:
    """One of ``run_tune.py``'s schedulers; ``by_size``: within a factor of two of parameters."""
    horizon = setting.horizon(curves[0].epochs, reduction_factor)
    group = (lambda curve: size_bin(curve.parameters)) if by_size else (lambda curve: None)
    make = functools.partial(import_named(SCHEDULERS[scheduler].make), horizon)
    return replay(curves, make, slots=setting.slots, group=group)


def one_epoch(curves: Sequence[Curve], setting: Setting, rng: np.random.Generator) -> Outcome:
    """All train for one epoch, the best eighth goes on (Egele et al. 2023, arXiv 2307.15422)."""
    kept = -(-len(curves) // KEPT)
    best = sorted(range(len(curves)), key=lambda index: -curves[index].seen[0])[:kept]
    chosen = [curves[index] for index in best]
    first = sum(curve.epoch_seconds for curve in curves)
    rest = sum(curve.epoch_seconds * (curve.epochs - 1) for curve in chosen)
    epochs = len(curves) + sum(curve.epochs - 1 for curve in chosen)
    return Outcome(best_seen(chosen), epochs, (first + rest) / setting.slots)


def random_part(curves: Sequence[Curve], setting: Setting, rng: np.random.Generator) -> Outcome:
    """An eighth of the trials, drawn at random, to their end."""
    return complete(curves[: -(-len(curves) // KEPT)], setting, rng)


def tpe_part(curves: Sequence[Curve], setting: Setting, rng: np.random.Generator) -> Outcome:
    """An eighth of the trials, proposed by Optuna's TPE, to their end."""
    chosen = list(proposed(curves, -(-len(curves) // KEPT), int(rng.integers(2**31))))
    return complete(chosen, setting, rng)


def proposed(curves: Sequence[Curve], count: int, seed: int) -> Iterator[Curve]:
    """Trials in the order in which TPE asks for them, told what each one came to.

    A point that the table lacks is told as the worst, one whose seeds have all run as it was; both
    cost nothing. After ``IN_VAIN`` such proposals in a row the next point in order runs.
    """
    waiting: dict[tuple, list[Curve]] = {}
    values: dict[str, list] = {}
    for curve in curves:
        waiting.setdefault(curve.point, []).append(curve)
        for name, value in curve.point:
            if value not in values.setdefault(name, []):
                values[name].append(value)
    space: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.CategoricalDistribution([*values[name], None])
        for name in sorted(values)
    }
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    known: dict[tuple, float] = {}
    vain = 0
    while count:
        trial = study.ask(space)
        point = tuple((name, value) for name, value in trial.params.items() if value is not None)
        if not waiting.get(point) and vain < IN_VAIN:
            vain += 1
            study.tell(trial, known.get(point, WORST_SCORE))
            continue
        if not waiting.get(point):
            point = next(one for one, left in waiting.items() if left)
        curve = waiting[point].pop(0)
        known[point] = curve.seen[-1]
        study.tell(trial, curve.seen[-1])
        vain, count = 0, count - 1
        yield curve


COMPLETE = "every trial to its end"
"""The reference: what all others are compared with."""

METHODS: dict[str, Method] = {
    COMPLETE: complete,
    "asha, 3": scheduled,
    "asha, 4": functools.partial(scheduled, reduction_factor=4.0),
    "asha, 3, binned by size": functools.partial(scheduled, by_size=True),
    "median": functools.partial(scheduled, scheduler="median"),
    "one epoch, the best eighth goes on": one_epoch,
    "a random eighth to its end": random_part,
    "an eighth by TPE to its end": tpe_part,
}


def named(name: str) -> Method:
    """One of ``METHODS``, or ``FILE.py:FUNCTION``.

    Raises:
        MethodError: neither.
    """
    if name in METHODS:
        return METHODS[name]
    path, _, function = name.rpartition(":")
    if not path.endswith(".py"):
        known = ", ".join(f'"{one}"' for one in METHODS)
        raise MethodError(f"{name!r} is no method; name FILE.py:FUNCTION, or one of {known}")
    try:
        found = runpy.run_path(path)
    except OSError as problem:
        raise MethodError(f"{path} cannot be read: {problem.strerror}") from problem
    if not callable(method := found.get(function)):
        raise MethodError(f"{path} has no function {function!r}")
    return method
