"""A trainable that takes no time: what is left is the search's own cost."""

from __future__ import annotations

from typing import Any

from ray import tune

RATES = {"factors": 0.4, "weights": 0.4, "batchnorm": 0.4}


class InstantTrainable(tune.Trainable):
    """Reports made-up epochs; keeps the contract of ``CifarTrainable`` but for checkpoints."""

    epochs_a_report = 1

    def setup(self, config: dict[str, Any]) -> None:
        self.job, self.epoch = config, config["known_epochs"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        last = min(self.epoch + self.epochs_a_report, self.job["config"]["epochs"])
        rows = [self._epoch() for _ in range(self.epoch, last)]
        return {
            **rows[-1],
            "epochs": rows,
            "score": rows[-1]["val_accuracy"],
            "diverged": False,
            "interrupted": False,
            "done": self.epoch >= self.job["config"]["epochs"],
        }

    def _epoch(self) -> dict[str, Any]:
        self.epoch += 1
        return {
            "epoch": self.epoch,
            "train_loss": 1 / self.epoch,
            "train_accuracy": 1 - 1 / (self.epoch + 1),
            "val_loss": 1 / self.epoch,
            "val_accuracy": 1 - 1 / (self.epoch + 1),
            "learning_rates": RATES,
            "weight_decays": RATES,
            "train_seconds": 1.0,
        }
