"""A depthwise convolution, then a pointwise matrix stored as a tensor train."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from trainables.layers import decompose
from trainables.layers.separable_form import SeparableForm
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.reshape import split_point


@final
class TensorTrainConv2d(SeparableForm):
    """factors: cores (r_{k-1}, n_k, r_k) of the (out, in) matrix reshaped to n_1..n_d."""

    @staticmethod
    def shapes(size: LayerSize) -> list[tuple[int, ...]]:
        return list(zip((1, *size.ranks), size.modes, (*size.ranks, 1), strict=True))

    def reconstruct(self) -> Tensor:
        spec = self.size.spec
        return multiply_out(self.factors).reshape(spec.out_channels, spec.in_channels)

    def stages(self) -> list[Tensor]:
        return train_halves(list(self.factors), self.size)

    def decompose(self, target: Tensor, generator: torch.Generator) -> list[Tensor]:
        return decompose.tensor_train(target.reshape(self.size.modes), self.size.ranks)


def multiply_out(cores: Sequence[Tensor]) -> Tensor:
    """Contract cores (r_{k-1}, n_k, r_k) from left to right -> (r_0 n_1 ... n_d, r_d)."""
    product = cores[0].flatten(0, 1)
    for core in cores[1:]:
        product = (product @ core.flatten(1)).reshape(-1, core.shape[2])
    return product


def train_halves(cores: Sequence[Tensor], size: LayerSize) -> list[Tensor]:
    """The train, cut between outputs and inputs, as matrices (r, in) and (out, r)."""
    split = split_point(size.modes, size.spec.out_channels)
    contract = multiply_out(cores[split:]).reshape(-1, size.spec.in_channels)
    return [contract, multiply_out(cores[:split])]
