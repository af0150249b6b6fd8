"""What a trial reports after each epoch. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

WORST_SCORE = 0.0
"""The score of a trial that diverged: no accuracy is lower. Never NaN, which no scheduler stops."""


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """One finished epoch. Losses are nats per image, accuracies fractions in [0, 1].

    ``learning_rates`` and ``weight_decays`` are those in force at the last step of the epoch, by
    parameter group ("factors", "weights", "batchnorm"), read from the optimiser itself, in
    mean-loss units. ``val_*`` is None where no image is held out; ``test_*`` is None unless the
    trial evaluates on the test set (``validation_images=0``), then only after the last epoch.
    ``val_accuracy_half`` and ``val_accuracy`` together give the accuracy on the other half, so that
    a method that chose on one half can be judged on the other.
    ``*_balanced_accuracy`` is the mean over classes of the share that is right, where classes are
    unequal; with ``metric="balanced_accuracy"`` ``*_accuracy`` is that mean, too.
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
    """An epoch, as training reports it or as the record holds it."""

    @property
    def train_loss(self) -> float | None:
        """Nats per image."""

    @property
    def val_accuracy(self) -> float | None:
        """A fraction in [0, 1]; None where no image is held out."""

    @property
    def test_accuracy(self) -> float | None:
        """A fraction in [0, 1]; None where it was not judged on the test set."""


def score(epoch: Scored) -> float | None:
    """What drives the search: validation accuracy, the test set's where no image is held out.

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
