"""The loop that both rivals share: torch's modules, torchvision's transforms, DataLoader."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from benchmarks.race.task import Task
from benchmarks.yardsticks.network import nesterov, resnet9
from benchmarks.yardsticks.torchvision_loop import MEAN, STD, Pictures

PEAK = 0.2  # share of the training at which the rate is highest, about that of schedule "dawn"


def load_arrays(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Training pictures (N, 32, 32, 3) uint8 and their labels."""
    if task.dataset == "cifar10":
        data = datasets.CIFAR10(task.data_dir, train=True)
        return data.data, np.array(data.targets)
    from trainables.data.datasets.registry import load_dataset
    from trainables.data.sources import DataRequest

    digits = load_dataset(DataRequest(task.dataset))
    return digits.train_images, digits.train_labels


def loaders(task: Task) -> tuple[DataLoader, DataLoader]:
    """Of the first ``train_images`` pictures, and of the last ``held_out``."""
    pictures, labels = load_arrays(task)
    train = Pictures(pictures[: task.train_images], labels[: task.train_images])
    plain = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    held_out = Pictures(pictures[-task.held_out :], labels[-task.held_out :], plain)
    return (
        DataLoader(train, task.batch, shuffle=True, drop_last=True),
        DataLoader(held_out, 2 * task.batch),
    )


class UsualTraining:
    """One trial: the network, its optimiser, its schedule and its data."""

    def __init__(self, task: Task, rate: float, seed: int, precision: str) -> None:
        torch.manual_seed(seed)
        self._task, self._precision = task, precision
        self._train, self._held_out = loaders(task)
        self._network = resnet9(task.width)
        self._optimizer = nesterov(self._network, rate)
        steps = task.epochs * len(self._train)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimizer,
            lambda step: float(np.interp((step + 1) / steps, [0, PEAK, 1], [0, 1, 0])),
        )
        self.epochs_done = 0

    def epochs(self) -> Iterator[float]:
        """Trains the epochs that are left; after each, the accuracy on the held-out pictures."""
        while self.epochs_done < self._task.epochs:
            self._network.train()
            for pictures, labels in self._train:
                self._optimizer.zero_grad()
                loss = F.cross_entropy(self._logits(pictures), labels)
                loss.backward()
                self._optimizer.step()
                self._schedule.step()
            self.epochs_done += 1
            yield self._accuracy()

    def save(self, path: Path) -> None:
        """A checkpoint."""
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        torch.save({**parts, "epochs_done": self.epochs_done}, path)

    def load(self, path: Path) -> None:
        """Goes on from a checkpoint."""
        state = torch.load(path)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.epochs_done = state["epochs_done"]

    def _parts(self) -> dict[str, Any]:
        return {
            "network": self._network,
            "optimizer": self._optimizer,
            "schedule": self._schedule,
        }

    def _logits(self, pictures: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self._precision == "bf16"):
            return self._network(pictures).float() * 0.125

    @torch.no_grad()
    def _accuracy(self) -> float:
        self._network.eval()
        correct = sum(
            (self._logits(pictures).argmax(1) == labels).sum().item()
            for pictures, labels in self._held_out
        )
        return correct / self._task.held_out


def note_epoch(log: Path, rate: float, epoch: int, accuracy: float) -> None:
    """For the race alone: a line for each epoch that was trained, in whichever process."""
    line = json.dumps({"rate": rate, "epoch": epoch, "accuracy": accuracy}) + "\n"
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, line.encode())
    os.close(handle)
