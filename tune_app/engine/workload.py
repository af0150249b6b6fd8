"""What a study's workers run: a trainable, and the data that all of its trials share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tune_app.command.errors import RayLostError
from tune_app.nodes.liveness import check_alive

if TYPE_CHECKING:
    from trainables.config.carried_files import Content
    from trainables.data.dataset import Dataset

PRELOAD = ("tune_app.engine.preload",)
"""What a worker imports as it starts, which passes while the study is opened."""


@dataclass(frozen=True)
class Workload:
    """What a worker runs, and on which data.

    ``trainable`` names a ``ray.tune.Trainable`` ("module:Class") that keeps the contract of
    ``CifarTrainable``. The workers alone import it, so that the driver needs no torch.
    ``parameters`` go to its ``setup``; references to Ray's object store are fetched in the worker.
    ``dataset`` describes the data for the record.
    """

    trainable: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)


def cifar_workload(
    data: Dataset,
    tables: Sequence[str] = (),
    starts: Mapping[str, Content] = MappingProxyType({}),
) -> Workload:
    """Training networks on a data set, which goes into the store of the Ray that runs now.

    Args:
        data: the images.
        tables: of the networks that are no ResNet-9, as ``table_texts`` writes them: a worker
            builds them from these, whatever files its node has.
        starts: files that trials start from, as ``read_starts`` reads them; they go the same way.

    Raises:
        RayLostError: where Ray has ended meanwhile.
    """
    import ray  # takes two seconds

    check_alive(ask=False)
    about = {
        "name": data.name,
        "checksum": data.checksum,
        "train_images": len(data.train_labels),
        "test_images": len(data.test_labels),
        "classes": len(data.classes),
        "held_out": data.validation_images,
        "own_validation": data.own_validation,
        "flips": data.flips,
        "image_size": data.image_size,
        **({"notes": list(data.notes)} if data.notes else {}),
    }
    try:
        shared = ray.put(data)
        carried = ray.put(starts) if starts else {}
    except (OSError, ray.exceptions.RayError) as problem:
        raise RayLostError(f"Ray did not accept the images: {problem}") from problem
    parameters = {"data": shared, "tables": tuple(tables), "starts": carried}
    return Workload("trainables.cifar_trainable:CifarTrainable", parameters, about)
