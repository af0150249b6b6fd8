"""The loop most tutorials show: torchvision's transforms a picture, DataLoader, .item() a step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import Dataset
from torchvision import transforms

from benchmarks.yardsticks.network import Loop

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


class Pictures(Dataset):
    """A PIL image at a time through a chain of transforms, as torchvision's data sets do it."""

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        transform: Callable[[Image.Image], torch.Tensor] | None = None,
    ) -> None:
        """images: (N, 32, 32, 3) uint8. transform: by default what training is shown."""
        self._images, self._labels = images, labels.tolist()
        self._transform = transform or transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4, padding_mode="reflect"),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
                transforms.RandomErasing(p=1.0, scale=(1 / 16, 1 / 16), ratio=(1.0, 1.0)),
            ]
        )

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self._transform(Image.fromarray(self._images[index])), self._labels[index]


class TorchvisionLoop(Loop):
    """Trains on every picture once an epoch."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, *, width: int, batch: int) -> None:
        super().__init__(Pictures(images, labels), width=width, batch=batch)

    def epoch(self) -> None:
        """Trains on each batch once."""
        total_loss, correct = 0.0, 0
        for pictures, labels in self.data():
            self.optimizer.zero_grad()
            logits = self.network(pictures) * 0.125
            loss = F.cross_entropy(logits, labels)
            loss.backward()
            self.optimizer.step()
            total_loss += loss.item()
            correct += (logits.argmax(1) == labels).sum().item()
