"""The epoch of cifar10-fast (Page 2018), patched to the CPU in fp32.

Its data path: pictures normalised, padded and transposed once; the epoch's random choices drawn up
front; a Dataset that crops, mirrors and cuts out one picture at a time in numpy; a DataLoader that
stacks them. The learning rate changes at every step, statistics are kept as tensors.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import Dataset

from benchmarks.yardsticks.network import Loop


class Pictures(Dataset):
    """One augmented picture at a time, (3, 32, 32) float32, and its label."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        """images: (N, 32, 32, 3) uint8."""
        pixels = images.astype(np.float32)
        pixels = (pixels - pixels.mean((0, 1, 2))) / pixels.std((0, 1, 2))
        padded = np.pad(pixels, ((0, 0), (4, 4), (4, 4), (0, 0)), mode="reflect")
        self._items = list(zip(padded.transpose(0, 3, 1, 2).copy(), labels.tolist(), strict=True))
        self._choices: dict[str, np.ndarray] = {}

    def choose(self) -> None:
        """Draws where every picture is cropped and cut, and which are mirrored."""
        count = len(self._items)
        random = np.random.default_rng()
        ranges = {"top": 9, "left": 9, "mirror": 2, "hole_top": 25, "hole_left": 25}
        self._choices = {name: random.integers(n, size=count) for name, n in ranges.items()}

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        picture, label = self._items[index]
        drawn = {name: values[index] for name, values in self._choices.items()}
        picture = picture[:, drawn["top"] : drawn["top"] + 32, drawn["left"] : drawn["left"] + 32]
        if drawn["mirror"]:
            picture = picture[:, :, ::-1].copy()
        picture = picture.copy()
        top, left = drawn["hole_top"], drawn["hole_left"]
        picture[:, top : top + 8, left : left + 8].fill(0.0)
        return picture, label


class Cifar10Fast(Loop):
    """Trains on every picture once an epoch."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, *, width: int, batch: int) -> None:
        super().__init__(Pictures(images, labels), width=width, batch=batch)

    def data(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """An epoch's batches."""
        self.pictures.choose()
        yield from super().data()

    def epoch(self) -> None:
        """Trains on each batch once."""
        losses, correct = [], []
        for step, (pictures, labels) in enumerate(self.data()):
            logits = self.network(pictures) * 0.125
            loss = F.cross_entropy(logits, labels, reduction="sum")
            losses.append(loss.detach())
            correct.append((logits.max(dim=1)[1] == labels).sum().detach())
            self.optimizer.zero_grad()
            loss.backward()
            for group in self.optimizer.param_groups:
                group["lr"] = 0.1 / self.batch * (1 + step / 1000)
            self.optimizer.step()
        torch.stack(losses).sum().item(), torch.stack(correct).sum().item()
