"""Trains a few batches of one network several times at once on a card, in Ray's workers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray

from trainables.config.tables import register_tables
from trainables.config.train_config import TrainConfig, table_texts
from tune_app.command.errors import UsageError
from tune_app.deciding.failures import last_line
from tune_app.engine.gpu_share import ShareMeasurement
from tune_app.nodes.ray_internals import host_of_error

if TYPE_CHECKING:
    from trainables.training.trainer import Trainer

START_SECONDS = 30.0
"""Until all have started and begin together."""

SECONDS = 8.0
"""Trained after warm-up; graphs are recorded and libraries loaded before it."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card of the cluster: its name, its memory, and the type that was asked for."""

    name: str
    bytes: int
    type: str | None = None

    def measure(self, config: dict[str, Any], data: Any, together: int) -> ShareMeasurement | None:
        """So many trainings at the same time; None when one of them ran out of memory.

        Raises:
            UsageError: where the card cannot train.
        """
        worker = ray.remote(_train).options(
            num_gpus=1 / together, num_cpus=0, max_retries=0, accelerator_type=self.type
        )
        start_at = time.time() + START_SECONDS
        tables = table_texts([TrainConfig.from_trial(config)])
        runs = [worker.remote(config, data, tables, start_at) for _ in range(together)]
        try:
            results = ray.get(runs, timeout=300.0)
        except ray.exceptions.RayError as problem:
            for run in runs:
                ray.cancel(run, force=True)
            if isinstance(problem, ray.exceptions.RayTaskError):
                raise _unusable(problem) from problem
            return None
        if any(result is None for result in results):
            return None
        used = max(result[1] for result in results)
        return ShareMeasurement(
            together, sum(result[0] for result in results), -(-used // together)
        )


def card(accelerator_type: str | None = None) -> Card:
    """Asked of a worker: the driver imports no torch.

    Raises:
        UsageError: where torch cannot use the card that Ray counts.
    """
    description = ray.remote(_describe).options(
        num_gpus=1, num_cpus=0, accelerator_type=accelerator_type
    )
    try:
        name, total = ray.get(description.remote())
    except ray.exceptions.RayTaskError as problem:
        raise _unusable(problem) from problem
    return Card(name, total, accelerator_type)


def _unusable(problem: BaseException) -> UsageError:
    reason = last_line(str(problem))
    host = host_of_error(str(problem))
    return UsageError(
        [
            f"--gpus-per-trial auto: the GPU that Ray counts{f' on {host}' if host else ''} cannot "
            f"be used: {reason}; check its driver, or start Ray there with --num-gpus 0"
        ]
    )


def _describe() -> tuple[str, int]:
    import torch  # in the worker: the driver does without

    return torch.cuda.get_device_name(), torch.cuda.get_device_properties(0).total_memory


def _train(
    config: dict[str, Any], data: Any, tables: list[str], start_at: float
) -> tuple[float, int] | None:
    """Images per second while all trainings run, and bytes in use on the card; None out of memory.

    The card's bytes are read once all have trained together: what one process adds to them cannot
    be told while others allocate. Torch keeps what it reserved, so that they hold every peak.
    """
    import torch  # in the worker, as above

    from trainables.training.trainer import Trainer

    register_tables(tables)
    try:
        trainer = Trainer(TrainConfig.from_trial(config), data, device="cuda", threads=1)
        until = time.monotonic() + 2.0
        trainer.train_epoch(lambda: time.monotonic() > until)
        wait = start_at - time.time()  # the node's clock may differ from the driver's by hours
        time.sleep(min(START_SECONDS, max(0.0, wait)))
        speed = _timed(trainer, config["batch_size"])
        free, total = torch.cuda.mem_get_info()
        return speed, total - free
    except (torch.OutOfMemoryError, MemoryError):
        return None


def _timed(trainer: Trainer, batch_size: int) -> float:
    """Images per second over ``SECONDS`` of training."""
    import torch  # in the worker, as above

    images, began = 0, time.monotonic()
    until = began + SECONDS
    while time.monotonic() < until:
        first = trainer.batches_done
        done = trainer.train_epoch(lambda: time.monotonic() > until)
        torch.cuda.synchronize()
        ends = trainer.batches_done if done is None else trainer.batches_per_epoch
        images += (ends - first) * batch_size
        if trainer.finished:
            break
    return images / (time.monotonic() - began)
