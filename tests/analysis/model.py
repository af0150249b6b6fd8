"""What simulated networks would reach: a stated model, so that a test knows the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trainables.architectures.network_size import NetworkSize
from trainables.config.train_config import TrainConfig

FAMILY_OFFSETS = {
    "dense": 0.0,
    "separable": 0.005,
    "low_rank": 0.02,
    "tensor_train": 0.015,
    "tucker": 0.02,
    "cp": 0.03,
}


@dataclass(frozen=True)
class Model:
    """What a network reaches after its last epoch, and by how much its runs differ.

    Mean validation accuracy: 0.94 − 0.012·(log10 of how much smaller than dense it is)² − the
    family's offset − 0.02·(decades between the learning rate and 0.4)² − 0.006·(decades between
    the decay and 5e-4)² + ``effect``·weight_decay_scaling. A run adds normal noise of standard
    deviation ``noise``; the share ``seed_share`` of its variance is common to all runs of a seed.
    """

    effect: float = 0.0
    noise: float = 0.003
    seed_share: float = 0.0

    def mean(self, config: TrainConfig, size: NetworkSize) -> float:
        """The mean over all seeds of the accuracy after the last epoch, a fraction."""
        smaller = math.log10(size.dense_parameters / size.parameters)
        rate = math.log10(config.learning_rate / 0.4)
        decay = math.log10(max(config.weight_decay, 1e-6) / 5e-4)
        lost = (
            0.012 * smaller**2
            + FAMILY_OFFSETS.get(config.layer, 0.0)
            + 0.02 * rate**2
            + 0.006 * decay**2
        )
        return min(max(0.94 - lost + self.effect * config.weight_decay_scaling, 0.1), 0.99)

    def draw(self, config: TrainConfig, size: NetworkSize, rng: np.random.Generator) -> float:
        """One run's accuracy after the last epoch."""
        shared = np.random.default_rng(1000 + config.seed).normal()
        own = rng.normal()
        noise = math.sqrt(self.seed_share) * shared + math.sqrt(1 - self.seed_share) * own
        return float(np.clip(self.mean(config, size) + self.noise * noise, 0.05, 0.995))
