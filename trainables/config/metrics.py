"""The metrics that a trial reports after each epoch. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

WORST_SCORE = 0.0
"""The score of a diverged trial: the lowest accuracy. Schedulers do not stop a trial with NaN."""


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """One finished epoch. Losses are nats per image, accuracies fractions in [0, 1].

    ``learning_rates`` and ``weight_decays`` are those in force at the last step of the epoch, by
    parameter group ("factors", "weights", "batchnorm"), read from the optimiser itself, in
    mean-loss units. ``val_*`` is None where no image is held out. ``test_*`` is None unless the
    trial evaluates on the test set (``validation_images=0``): after the last epoch, or after every
    epoch under the 2018 study's protocols.
    ``val_accuracy_half`` is the accuracy on every second held-out image. With ``val_accuracy`` it
    gives the accuracy on the others, so that a choice made on one half can be judged on the other.
    ``*_balanced_accuracy`` is the mean over classes of the share of correct images, where classes
    are unequal. With ``metric="balanced_accuracy"`` ``*_accuracy`` is that mean as well.
    """

    epoch: int  # epochs finished, from 1
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rates: dict[str, float] = field(default_factory=dict)
    weight_decays: dict[str, float] = field(default_factory=dict)
    train_seconds: float = 0.0  # wall time of the training part of this epoch
    eval_seconds: float = 0.0
    images_per_second: float = 0.0  # training images, training time only
    peak_memory_bytes: int | None = None  # of the device; None on the CPU
    test_loss: float | None = None
    test_accuracy: float | None = None
    val_accuracy_half: float | None = None  # on every second held-out image, the first among them
    val_balanced_accuracy: float | None = None
    test_balanced_accuracy: float | None = None


class Scored(Protocol):
    """The fields of an epoch that its score depends on, in a report or in the record."""

    @property
    def train_loss(self) -> float | None:
        """Nats per image."""

    @property
    def val_accuracy(self) -> float | None:
        """A fraction in [0, 1]; None where no image is held out."""

    @property
    def test_accuracy(self) -> float | None:
        """A fraction in [0, 1]; None where the epoch was not evaluated on the test set."""


def score(epoch: Scored) -> float | None:
    """The number that drives the search: validation accuracy, or test accuracy if none is held out.

    Returns:
        A fraction in [0, 1]; ``WORST_SCORE`` where training has diverged; None where the epoch was
        not evaluated.
    """
    if epoch.train_loss is None or not math.isfinite(epoch.train_loss):
        return WORST_SCORE
    value = epoch.test_accuracy if epoch.val_accuracy is None else epoch.val_accuracy
    if value is None:
        return None
    return value if math.isfinite(value) else WORST_SCORE
