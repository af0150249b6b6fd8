"""The trainable that Ray is given: it becomes the real one in the worker."""

from __future__ import annotations

import importlib
import socket
from typing import Any

import ray
from ray import tune

from trainables.training.job import UnfitNodeError
from tune_app.engine.workload import Workload


def trainable(workload: Workload) -> type[tune.Trainable]:
    """A class whose instances do what the workload's trainable does.

    The driver never imports that class: torch costs it four seconds of a core and half a gigabyte.
    ``tune.with_parameters`` would store a second copy of what a reference already points to.
    """

    class Worker(tune.Trainable):
        def setup(self, config: dict[str, Any]) -> None:
            real = _import_class(workload.trainable)
            self.real: Any = object.__new__(real)  # keys of Ray's own bookkeeping
            self.real.setup(
                config,
                **{name: _fetch(reference) for name, reference in workload.parameters.items()},
            )

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            return bool(self.real.reset_config(new_config))

        def step(self) -> dict[str, Any]:
            result: dict[str, Any] = self.real.step()
            return result

        def cleanup(self) -> None:
            self.real.cleanup()

    return Worker


def _import_class(path: str) -> type:
    module, _, name = path.partition(":")
    try:
        attribute: type = getattr(importlib.import_module(module), name)
    except Exception as problem:  # whatever a library raises that is broken here
        reason = f"{type(problem).__name__}: {problem}"
        raise UnfitNodeError(
            f"{socket.gethostname()}: cannot import {module} ({reason}); install what RankTune "
            "needs on every node"
        ) from problem
    return attribute


def _fetch(value: Any) -> Any:
    return ray.get(value) if isinstance(value, ray.ObjectRef) else value
