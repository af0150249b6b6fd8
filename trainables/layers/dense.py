"""The ordinary convolution, with the interface of the factorised ones."""

from typing import final

import torch
from torch import Tensor

from trainables.layers.kernel_form import KernelForm, Step
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.spec import ConvSpec


@final
class DenseConv2d(KernelForm):
    """factors: the kernel (out, in, k, k)."""

    @staticmethod
    def shapes(size: LayerSize) -> list[tuple[int, ...]]:
        return [size.spec.kernel_shape]

    @staticmethod
    def steps(spec: ConvSpec) -> list[Step]:
        return [(spec.stride, spec.padding)]

    def reconstruct(self) -> Tensor:
        return self.factors[0]

    def decompose(self, target: Tensor, generator: torch.Generator) -> list[Tensor]:
        return [target]
