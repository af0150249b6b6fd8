"""The ordinary convolution, in the same interface."""

from typing import final

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from trainables.layers.kernel_form import KernelForm
from trainables.sizes.layer_size import LayerSize


@final
class DenseConv2d(KernelForm):
    """factors: the kernel (out, in, k, k)."""

    @staticmethod
    def shapes(size: LayerSize) -> list[tuple[int, ...]]:
        k = size.spec.kernel_size
        return [(size.spec.out_channels, size.spec.in_channels, k, k)]

    def reconstruct(self) -> Tensor:
        return self.factors[0]

    def run_factors(self, x: Tensor) -> Tensor:
        return conv2d(x, self.factors[0], None, self.size.spec.stride, self.size.spec.padding)

    def decompose(self, target: Tensor, generator: torch.Generator) -> list[Tensor]:
        return [target]
