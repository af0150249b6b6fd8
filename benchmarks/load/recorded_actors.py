"""Ray Tune's actors, answered at once from a list in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from ray.air.execution._internal.tracked_actor import TrackedActor

from benchmarks.instant import InstantTrainable

RESULT = {"training_iteration": 1, "time_total_s": 1.0, "time_this_iter_s": 1.0, "pid": 1,
          "hostname": "recorded", "node_ip": "127.0.0.1", "timestamp": 0, "date": ""}  # fmt: skip
"""What Ray's Trainable adds to each result."""


class RecordedActor:
    """What Tune asks of a worker itself."""

    get_auto_filled_metrics = SimpleNamespace(remote=lambda *arguments, **options: {})


class RecordedActors:
    """Stands in for Ray's actor manager: each task is answered in the order it was asked for."""

    def __init__(self, resource_manager: object) -> None:
        self._events: deque[Callable[[], None]] = deque()
        self._made = 0
        self._live_actors_to_ray_actors_resources: dict[TrackedActor, tuple[object, None]] = {}
        self._pending: set[TrackedActor] = set()
        self._trials: dict[TrackedActor, InstantTrainable] = {}

    def next(self, timeout: float | None = None) -> bool:
        """Delivers one answer; whether there was one."""
        if not self._events:
            return False
        self._events.popleft()()
        return True

    def add_actor(
        self, cls: object, kwargs: Mapping[str, Any], resource_request: object, **heard: Any
    ) -> TrackedActor:
        self._made += 1
        actor = TrackedActor(self._made, **heard)
        trial = object.__new__(InstantTrainable)
        trial.setup(kwargs["config"])
        self._trials[actor] = trial
        self._pending.add(actor)
        self._events.append(lambda: self._start(actor))
        return actor

    def _start(self, actor: TrackedActor) -> None:
        self._pending.discard(actor)
        self._live_actors_to_ray_actors_resources[actor] = (RecordedActor(), None)
        if actor._on_start:
            actor._on_start(actor)

    def schedule_actor_task(
        self,
        tracked_actor: TrackedActor,
        method_name: str,
        args: tuple | None = None,
        kwargs: dict | None = None,
        on_result: Callable[[TrackedActor, Any], None] | None = None,
        on_error: object = None,
        _return_future: bool = False,
    ) -> None:
        trial = self._trials[tracked_actor]

        def answer() -> None:
            if tracked_actor not in self._live_actors_to_ray_actors_resources:
                return
            if method_name == "train":
                result: Any = {**RESULT, **trial.step()}
            else:
                result = trial.reset_config(args[0]) if method_name == "reset" and args else None
            if on_result:
                on_result(tracked_actor, result)

        self._events.append(answer)

    def remove_actor(
        self, tracked_actor: TrackedActor, kill: bool = False, stop_future: object = None
    ) -> bool:
        self._pending.discard(tracked_actor)
        self._live_actors_to_ray_actors_resources.pop(tracked_actor, None)
        self._trials.pop(tracked_actor, None)
        if tracked_actor._on_stop:
            stopped = tracked_actor._on_stop
            self._events.append(lambda: stopped(tracked_actor))
        return True

    def is_actor_started(self, tracked_actor: TrackedActor) -> bool:
        return tracked_actor in self._live_actors_to_ray_actors_resources

    def is_actor_failed(self, tracked_actor: TrackedActor) -> bool:
        return False

    def get_live_actors_resources(self) -> list:
        return []

    def clear_actor_task_futures(self, tracked_actor: TrackedActor) -> None:
        pass

    def cleanup(self) -> None:
        self._events.clear()

    @property
    def num_live_actors(self) -> int:
        return len(self._live_actors_to_ray_actors_resources)

    @property
    def num_pending_actors(self) -> int:
        return len(self._pending)

    @property
    def num_total_actors(self) -> int:
        return self.num_live_actors + self.num_pending_actors

    @property
    def num_actor_tasks(self) -> int:
        return len(self._events)
