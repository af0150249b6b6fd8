"""What a trial reports after each epoch. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """One finished epoch. Losses are nats per image, accuracies fractions in [0, 1].

    ``learning_rates`` and ``weight_decays`` are those in force at the last step of the epoch, by
    parameter group ("factors", "weights", "batchnorm"), read from the optimiser itself, in
    mean-loss units. ``val_*`` is None where no image is held out; ``test_*`` is None unless the
    trial evaluates on the test set (``validation_images=0``), then only after the last epoch.
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
