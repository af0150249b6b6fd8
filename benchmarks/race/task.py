"""What every contestant is asked to do."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Task:
    """Trains ResNet-9 once with each learning rate and evaluates it after every epoch.

    dataset: "cifar10" in ``data_dir``, or "digits".
    train_images, held_out: trained on, and evaluated on.
    rates: the schedule's peak, for the gradient of the mean loss.
    """

    dataset: str
    data_dir: str | None
    train_images: int
    held_out: int
    width: int
    batch: int
    epochs: int
    rates: tuple[float, ...]

    @property
    def all_epochs(self) -> int:
        """Of all trials together."""
        return self.epochs * len(self.rates)

    def write(self, path: Path) -> None:
        """As JSON, for a contestant's script."""
        path.write_text(json.dumps(dataclasses.asdict(self)))


def read_task(path: Path) -> Task:
    """What ``write`` wrote."""
    raw = json.loads(path.read_text())
    return Task(**{**raw, "rates": tuple(raw["rates"])})
