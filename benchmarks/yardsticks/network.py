"""ResNet-9 as it is usually written: torch's own modules, pictures in NCHW, pool after ReLU."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


def conv_norm(channels_in: int, channels_out: int, *, pool: bool = False) -> nn.Sequential:
    """3×3 convolution, BatchNorm, ReLU, and perhaps a 2×2 max-pool."""
    conv = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
    parts = [conv, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True)]
    return nn.Sequential(*parts, nn.MaxPool2d(2)) if pool else nn.Sequential(*parts)


class Residual(nn.Module):
    """x + two convolutions of x."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(conv_norm(channels, channels), conv_norm(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """The shape stays."""
        return x + self.convs(x)


def resnet9(width: int) -> nn.Module:
    """(B, 3, 32, 32) → logits (B, 10), not yet times 0.125."""
    w = width
    return nn.Sequential(
        conv_norm(3, w),
        conv_norm(w, 2 * w, pool=True),
        Residual(2 * w),
        conv_norm(2 * w, 4 * w, pool=True),
        conv_norm(4 * w, 8 * w, pool=True),
        Residual(8 * w),
        nn.MaxPool2d(4),
        nn.Flatten(),
        nn.Linear(8 * w, 10, bias=False),
    )


def nesterov(network: nn.Module, learning_rate: float) -> torch.optim.SGD:
    """SGD as torch sets it up by default."""
    keys = {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}
    return torch.optim.SGD(network.parameters(), lr=learning_rate, **keys)


class Loop:
    """The network, its optimiser and a DataLoader: what the loops share."""

    def __init__(self, pictures: Dataset, *, width: int, batch: int) -> None:
        torch.manual_seed(0)
        self.pictures = pictures
        self.batch = batch
        self.network = resnet9(width).train()
        self.optimizer = nesterov(self.network, 0.1)

    def data(self) -> Iterator[tuple[Tensor, Tensor]]:
        """An epoch's batches."""
        yield from DataLoader(self.pictures, self.batch, shuffle=True, drop_last=True)
