"""The plan: everything that can be known before a trial takes a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from search_spaces.space import SearchSpace
from trainables.config import TrainConfig
from trainables.sizes.network import NetworkSize


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """One trial that would run: its content-derived id, its resolved configuration, its size."""

    trial_id: str
    config: TrainConfig
    size: NetworkSize


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A configuration as written that resolves to a trial already planned."""

    config: dict[str, Any]
    same_as: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A configuration as written that cannot run, or that a limit excludes, and why."""

    config: dict[str, Any]
    reason: str


@dataclass(frozen=True)
class Plan:
    """What a study will do.

    ``trials`` are deduplicated and in the order they will start (shuffled: ASHA lets the first trial
    at a rung through, so that an ordered grid would be judged by its order). A searcher that proposes
    as it goes (Optuna) leaves ``trials`` empty and is asked for ``open_ended`` points × ``seeds``.
    """

    space: SearchSpace  # after --set, --preset and --dataset
    search: str
    scheduler: str
    trials: tuple[PlannedTrial, ...]
    duplicates: tuple[Duplicate, ...] = ()
    infeasible: tuple[Rejected, ...] = ()
    open_ended: int = 0
    seeds: tuple[int, ...] = (0,)
