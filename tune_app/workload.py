"""What a study's workers run: a trainable, and the data that all of its trials share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tune_app.errors import WrongUse
from tune_app.liveness import result_of

PRELOAD = ("ray.tune", "trainables.cifar_trainable")
"""What a worker imports as it starts, torch among it: seven of the nine seconds that a first trial
used to take."""


@dataclass(frozen=True)
class Workload:
    """``trainable`` names a ``ray.tune.Trainable`` ("module:Class") that keeps the contract of
    ``CifarTrainable``; it is imported by the workers alone, so that the driver needs no torch.

    ``parameters`` go to its ``setup``; references to Ray's object store are fetched in the worker.
    ``dataset`` describes the data for the record.
    """

    trainable: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)


def cifar_workload(dataset: str, data_dir: Path | None) -> Workload:
    """Training networks on a data set, which a worker reads. Ray must be running.

    Raises:
        WrongUse: where the data set is absent or damaged.
        RayLostError: where Ray ends meanwhile.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    load = ray.remote(_load).options(num_cpus=0, scheduling_strategy=here, num_returns=2)
    data, about = load.remote(dataset, data_dir)
    try:
        told = result_of(about)
    except ray.exceptions.RayTaskError as problem:
        raise WrongUse([str(problem.cause)]) from problem
    return Workload("trainables.cifar_trainable:CifarTrainable", {"data": data}, told)


def _load(name: str, data_dir: Path | None) -> tuple[Any, dict[str, Any]]:
    """Runs in a worker: the data set, and what the record says about it."""
    from trainables.datasets.registry import load_dataset

    data = load_dataset(name, data_dir)
    about = {
        "name": data.name,
        "checksum": data.checksum,
        "train_images": len(data.train_labels),
        "test_images": len(data.test_labels),
        "classes": len(data.classes),
    }
    return data, about
