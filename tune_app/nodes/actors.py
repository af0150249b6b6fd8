"""Which worker process a trial gets: two habits of Tune's that Ray has no option for."""

from __future__ import annotations

from typing import Any

import ray
from ray.tune.execution.class_cache import _ActorClassCache
from ray.tune.execution.tune_controller import TuneController

_take_cached_actor = TuneController._maybe_reuse_cached_actor


def use_ready_workers() -> None:
    """Lets trials run in the workers that Ray starts, and that preload torch, before it is asked.

    Tune gives its actors two environment variables of no use here, and Ray then starts a process
    anew for each slot: the ones that wait, with other variables, do not fit.
    """
    _ActorClassCache.get = _actor_class


def keep_starting_workers() -> None:
    """Leaves a trial whose worker is starting to that worker, while others may take a free one.

    Tune gives the free one to whichever trial waits and ends the process that was starting for it:
    where trials are over sooner than a worker has started, a lost worker's slot stayed empty.
    """
    TuneController._maybe_reuse_cached_actor = _reuse_cached_actor


def _actor_class(self: _ActorClassCache, trainable: type) -> Any:
    if trainable not in self._cache:
        self._cache[trainable] = ray.remote(trainable)
    return self._cache[trainable]


def _reuse_cached_actor(self: TuneController, trial: Any) -> bool:
    manager, search = self._actor_manager, self._search_alg
    requested = self._trial_to_actor.get(trial)
    starting = requested in manager._live_actors_to_ray_actors_resources
    if starting and trial not in self._resetting_trials and not search.is_finished():
        return False
    return _take_cached_actor(self, trial)
