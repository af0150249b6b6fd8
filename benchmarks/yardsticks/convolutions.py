"""No loop at all: the network's convolutions, forward and backward, and nothing around them.

What a loop around torch cannot beat: no data, no BatchNorm, no pool, no optimiser.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainables.memory import keep_freed_memory
from trainables.sizes.resnet9 import (
    IMAGE_CHANNELS,
    IMAGE_SIDE,
    REPLACED_SIDES,
    replaced_specs,
)


class Convolutions:
    """The eight 3×3 convolutions of ResNet-9, channels last, each on random input of its shape."""

    def __init__(self, *, width: int, batch: int, batches: int, precision: str) -> None:
        keep_freed_memory()
        self._batches = batches
        self._precision = precision
        self._layers = [self._layer(IMAGE_CHANNELS, width, IMAGE_SIDE, batch)]
        for spec, side in zip(replaced_specs(width), REPLACED_SIDES, strict=True):
            self._layers.append(self._layer(spec.in_channels, spec.out_channels, side, batch))

    def _layer(
        self, into: int, out: int, side: int, batch: int
    ) -> tuple[nn.Module, Tensor, Tensor]:
        conv = nn.Conv2d(into, out, 3, padding=1, bias=False).to(memory_format=torch.channels_last)
        x = torch.randn(batch, into, side, side).to(memory_format=torch.channels_last)
        x.requires_grad_(into > IMAGE_CHANNELS)
        with self._autocast():
            return conv, x, torch.randn_like(conv(x))

    def _autocast(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self._precision == "bf16")

    def epoch(self) -> None:
        """As many passes as the others have batches."""
        for _ in range(self._batches):
            for conv, x, gradient in self._layers:
                with self._autocast():
                    y = conv(x)
                y.backward(gradient)
                conv.weight.grad = x.grad = None
