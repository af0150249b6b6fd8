"""How Tune runs the workers of trials: four behaviours that it has no option for.

Like ``ray_internals``, which lists the names that are used here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def use_ready_workers() -> None:
    """Lets trials run in the workers that Ray starts in advance, and that preload torch.

    Tune gives its actors two environment variables that are not needed here. Ray would then start
    another process for each slot, because the waiting ones have other variables.
    """
    import ray
    from ray.tune.execution.class_cache import _ActorClassCache

    def get(self: _ActorClassCache, trainable: type) -> Any:
        if trainable not in self._cache:
            self._cache[trainable] = ray.remote(trainable)
        return self._cache[trainable]

    _ActorClassCache.get = get


def keep_starting_workers() -> None:
    """Keeps a trial with the worker that is starting for it; other trials may take a free worker.

    Tune gives a free worker to any waiting trial, and ends the process that was starting for it.
    Where trials are shorter than a worker's start, the slot of a lost worker then stays empty.
    """
    from ray.tune.execution.tune_controller import TuneController

    take_cached_actor = TuneController._maybe_reuse_cached_actor
    if getattr(take_cached_actor, "is_ranktune", False):
        return

    def reuse_cached_actor(self: TuneController, trial: Any) -> bool:
        manager, search = self._actor_manager, self._search_alg
        requested = self._trial_to_actor.get(trial)
        starting = requested in manager._live_actors_to_ray_actors_resources
        if starting and trial not in self._resetting_trials and not search.is_finished():
            return False
        return bool(take_cached_actor(self, trial))

    reuse_cached_actor.is_ranktune = True  # type: ignore[attr-defined]
    TuneController._maybe_reuse_cached_actor = reuse_cached_actor


def keep_free_workers() -> None:
    """Keeps a worker that no trial waits for until the search is over, on a machine of our own.

    Tune keeps one. The second stage is chosen when the last trial of the first has ended: the slots
    of the others then stayed empty while a worker started. In a cluster a free worker would keep a
    node from others.
    """
    from ray.tune.utils.object_cache import _ObjectCache

    def cache_object(self: _ObjectCache, key: Any, obj: Any) -> bool:
        self._cached_objects[key].append(obj)
        self._num_cached_objects += 1
        return True

    evict = _ObjectCache.flush_cached_objects

    def flush_cached_objects(self: _ObjectCache, force_all: bool = False) -> Iterator[Any]:
        return evict(self, force_all=True) if force_all else iter(())

    if not getattr(evict, "is_ranktune", False):
        flush_cached_objects.is_ranktune = True  # type: ignore[attr-defined]
        _ObjectCache.cache_object = cache_object
        _ObjectCache.flush_cached_objects = flush_cached_objects


def survive_odd_losses() -> None:
    """Lets Tune count a worker as lost whatever error Ray has for it.

    Tune knows the errors of an actor that died and of a call that raised. Any other, such as that
    of a worker that Ray ended on a host low on memory, ends the whole search with all its trials.
    """
    import ray
    from ray.air.execution._internal.actor_manager import RayActorManager

    call_failed = RayActorManager._actor_task_failed
    if getattr(call_failed, "is_ranktune", False):
        return

    def actor_task_failed(
        self: RayActorManager, tracked_actor_task: Any, exception: Exception
    ) -> None:
        known = (ray.exceptions.RayActorError, ray.exceptions.RayTaskError)
        if isinstance(exception, ray.exceptions.RayError) and not isinstance(exception, known):
            name = type(exception).__name__
            exception = ray.exceptions.RayActorError(error_msg=f"{name}: {exception}")
        call_failed(self, tracked_actor_task, exception)

    actor_task_failed.is_ranktune = True  # type: ignore[attr-defined]
    RayActorManager._actor_task_failed = actor_task_failed
