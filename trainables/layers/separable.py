"""A depthwise convolution, then a pointwise one whose matrix is stored whole."""

from typing import final

import torch
from torch import Tensor

from trainables.layers.separable_form import SeparableForm
from trainables.sizes.layer_size import LayerSize


@final
class SeparableConv2d(SeparableForm):
    """factors: the pointwise matrix (out, in)."""

    @staticmethod
    def shapes(size: LayerSize) -> list[tuple[int, ...]]:
        return [(size.spec.out_channels, size.spec.in_channels)]

    def reconstruct(self) -> Tensor:
        return self.factors[0]

    def stages(self) -> list[Tensor]:
        return [self.factors[0]]

    def decompose(self, target: Tensor, generator: torch.Generator) -> list[Tensor]:
        return [target]
