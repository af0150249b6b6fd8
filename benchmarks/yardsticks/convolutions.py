"""No loop at all: the network's convolutions, forward and backward, and nothing around them.

What a loop around torch cannot beat: no data, no BatchNorm, no pool, no optimiser. With ``passes``,
BatchNorm, pool and ReLU at the speed of memory: what they must at least read and write once a
convolution has ended, as they need a whole batch's mean and variance, and back a whole batch's
sums. No arithmetic but sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from trainables.architectures.resnet9 import (
    IMAGE_CHANNELS,
    IMAGE_SIDE,
    REPLACED_SIDES,
    replaced_specs,
)
from trainables.training.process import keep_freed_memory


def shapes(width: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Channels in and out, and the side of an image before and after the pool, of each layer."""
    specs = replaced_specs(width)
    channels = [IMAGE_CHANNELS, *(spec.in_channels for spec in specs), specs[-1].out_channels]
    sides = [IMAGE_SIDE, *REPLACED_SIDES, REPLACED_SIDES[-1]]
    return list(zip(pairwise(channels), pairwise(sides), strict=True))


class Convolutions:
    """The eight 3×3 convolutions of ResNet-9, channels last, each on random input of its shape."""

    def __init__(
        self, *, width: int, batch: int, batches: int, precision: str, passes: bool = False
    ) -> None:
        keep_freed_memory()
        self._batches = batches
        self._precision = precision
        self._passes = passes
        self._layers = [self._layer(channels, sides, batch) for channels, sides in shapes(width)]

    def _layer(self, channels: tuple[int, int], sides: tuple[int, int], batch: int) -> Layer:
        into, out = channels
        conv = nn.Conv2d(into, out, 3, padding=1, bias=False).to(memory_format=torch.channels_last)
        x = torch.randn(batch, into, sides[0], sides[0]).to(memory_format=torch.channels_last)
        x.requires_grad_(into > IMAGE_CHANNELS)
        with self._autocast():
            gradient = torch.randn_like(conv(x))
        return Layer(conv, x, gradient, after=gradient.new_ones(batch, out, sides[1], sides[1]))

    def _autocast(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self._precision == "bf16")

    def epoch(self) -> None:
        """As many passes as the others have batches."""
        for _ in range(self._batches):
            for layer in self._layers:
                with self._autocast():
                    y = layer.conv(layer.x)
                if self._passes:
                    layer.pass_over(y.detach())
                y.backward(layer.gradient)
                layer.conv.weight.grad = layer.x.grad = None


@dataclass(frozen=True)
class Layer:
    """A convolution, its input, the gradient of its output, and what the next layer would see.

    after: as large as BatchNorm, pool and ReLU leave the output.
    """

    conv: nn.Module
    x: Tensor
    gradient: Tensor
    after: Tensor

    def pass_over(self, y: Tensor) -> None:
        """What the operations after it read and write; y: the convolution's output."""
        y.sum()  # there, for mean and variance
        y.sum()  # and for the result,
        self.after.fill_(1)
        self.after.sum()  # back, for the sums: the gradient that comes
        self.after.sum()  # and what the pool picked,
        y.sum()  # and for the gradient that goes on,
        self.after.sum()
        self.gradient.fill_(1)
