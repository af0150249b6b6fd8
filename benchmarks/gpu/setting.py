"""What a stage is given: a device, images, a scale, a folder, a time limit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.deadline import Deadline
from trainables.config.train_config import TrainConfig
from trainables.data.dataset import Dataset, make_dataset
from trainables.data.datasets.digits import COUNTS
from trainables.data.datasets.registry import load_dataset
from trainables.data.sources import DataRequest

FULL = {"width": 64, "batch_size": 512, "dataset": "cifar10", "precision": "bf16"}
"""The study's own scale."""

SMALL = {
    "width": 4,
    "batch_size": 64,
    "dataset": "digits",
    "precision": "fp32",
    "train_images": 256,
    "validation_images": 128,
}
"""A rehearsal's: seconds on one core, with images that are drawn."""


def drawn_images() -> Dataset:
    """Noise, as many images as the digits are: those need scikit-learn, which may be absent."""
    generator = np.random.default_rng(0)
    train, test = (
        (
            generator.integers(0, 256, (count, 32, 32, 3), np.uint8),
            np.arange(count) % COUNTS.classes,
        )
        for count in (COUNTS.train_images, COUNTS.test_images)
    )
    return make_dataset("digits", "0123456789", train, test, flips=COUNTS.flips)


@dataclass(frozen=True)
class Setting:
    """Everything that a stage needs from outside.

    rehearse: on the CPU, at a small scale, to see that every line runs.
    out: folder of the results.
    """

    device: torch.device
    rehearse: bool
    out: Path
    deadline: Deadline
    data_dir: Path | None = None

    @cached_property
    def data(self) -> Dataset:
        """The images, read when they are first needed."""
        if self.rehearse:
            return drawn_images()
        return load_dataset(DataRequest("cifar10", data_dir=self.data_dir))

    def config(self, **keys: Any) -> TrainConfig:
        """The study's configuration, or a rehearsal's, with some keys changed."""
        return TrainConfig.from_trial({**(SMALL if self.rehearse else FULL), **keys})

    def pick(self, full: Any, small: Any) -> Any:
        """One value for a card, another for a rehearsal."""
        return small if self.rehearse else full
