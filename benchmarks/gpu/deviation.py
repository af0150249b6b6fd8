"""How far two trainings of one configuration are apart."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from trainables.training.trainer import Trainer

CUDA_GRAPHS = "trainables.training.cuda_graphs"


def parameters(trainer: Trainer) -> Tensor:
    """Every parameter of its network as one float64 vector on the CPU."""
    return torch.cat(
        [one.detach().double().flatten().cpu() for one in trainer.network.parameters()]
    )


def deviation(one: Trainer, other: Trainer, start: Tensor) -> float:
    """‖p − q‖ / ‖q − start‖: 0 is bit-equal, 1 as far apart as training has moved them."""
    p, q = parameters(one), parameters(other)
    moved = float((q - start).norm())
    return float((p - q).norm()) / moved if moved else float(not torch.equal(p, q))


def train_steps(trainer: Trainer, steps: int) -> None:
    """So many batches, across ends of epochs; what a stop costs is not counted as a batch."""
    while steps > 0 and not trainer.finished:
        allowed = iter([False] * steps + [True])
        before = trainer.batches_done
        ended = trainer.train_epoch(allowed.__next__)
        after = trainer.batches_done if ended is None else trainer.batches_per_epoch
        steps -= after - before


@contextmanager
def fallback_reasons() -> Iterator[list[str]]:
    """Why steps were not recorded as graphs while this lasts, as the trainer's log says it."""
    reasons: list[str] = []
    handler = _Listing(reasons)
    logger = logging.getLogger(CUDA_GRAPHS)
    logger.addHandler(handler)
    try:
        yield reasons
    finally:
        logger.removeHandler(handler)


class _Listing(logging.Handler):
    def __init__(self, reasons: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._reasons = reasons

    def emit(self, record: logging.LogRecord) -> None:
        self._reasons.append(record.getMessage())
