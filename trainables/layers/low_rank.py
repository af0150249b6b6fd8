"""A depthwise convolution, then a linear bottleneck."""

from typing import final

import torch
from torch import Tensor

from trainables.layers.decompose import tensor_train
from trainables.layers.initialization import torch_default
from trainables.layers.separable_form import SeparableForm
from trainables.sizes.layer_size import LayerSize


@final
class LowRankConv2d(SeparableForm):
    """factors: contract (r, in), expand (out, r)."""

    @staticmethod
    def shapes(size: LayerSize) -> list[tuple[int, ...]]:
        rank = size.ranks[0]
        return [(rank, size.spec.in_channels), (size.spec.out_channels, rank)]

    def reconstruct(self) -> Tensor:
        contract, expand = self.factors
        return expand @ contract

    def stages(self) -> list[Tensor]:
        return list(self.factors)

    def decompose(self, target: Tensor, generator: torch.Generator) -> list[Tensor]:
        expand, contract = tensor_train(target, self.size.ranks)
        return [contract.squeeze(2), expand.squeeze(0)]

    def original_factors(self, generator: torch.Generator) -> list[Tensor]:
        # the 2018 code made two convolutions, each initialised by torch's default
        return [torch_default(w.shape, w.shape[1], generator) for w in self.factors]
