"""The usual way to train resnet18 on a folder: ImageFolder, transforms, DataLoader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Subset
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.models import resnet18

from benchmarks.yardsticks.network import nesterov
from benchmarks.yardsticks.torchvision_loop import MEAN, STD


class ImageFolderLoop:
    """Trains on ``batches`` batches of the folder's images an epoch, in fp32, channels last."""

    def __init__(self, folder: Path, *, side: int, batch: int, batches: int) -> None:
        torch.manual_seed(0)
        transform = transforms.Compose(
            [
                transforms.RandomCrop(side, padding=side // 8, padding_mode="reflect"),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
                transforms.RandomErasing(p=1.0, scale=(1 / 16, 1 / 16), ratio=(1.0, 1.0)),
            ]
        )
        images = ImageFolder(folder, transform)
        self._images = Subset(images, range(batch * batches))
        self._batch = batch
        network = resnet18(num_classes=len(images.classes)).train()
        self.network = network.to(memory_format=torch.channels_last)
        self.optimizer = nesterov(self.network, 0.1)

    def data(self) -> Iterator[tuple[Tensor, Tensor]]:
        """An epoch's batches."""
        for images, labels in DataLoader(self._images, self._batch, shuffle=True, drop_last=True):
            yield images.to(memory_format=torch.channels_last), labels

    def epoch(self) -> None:
        """Trains on each batch once."""
        total_loss, correct = 0.0, 0
        for images, labels in self.data():
            self.optimizer.zero_grad()
            logits = self.network(images)
            loss = F.cross_entropy(logits, labels)
            loss.backward()
            self.optimizer.step()
            total_loss += loss.item()
            correct += (logits.argmax(1) == labels).sum().item()
