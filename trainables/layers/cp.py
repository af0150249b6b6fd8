"""A depthwise convolution, then a pointwise matrix stored as a sum of outer products (CP)."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from trainables.layers import decompose
from trainables.layers.initialization import normal
from trainables.layers.separable_form import SeparableForm
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.reshape import split_point


@final
class CPConv2d(SeparableForm):
    """factors: (n_k, R) for each mode of the (out, in) matrix reshaped to n_1..n_d."""

    @staticmethod
    def shapes(size: LayerSize) -> list[tuple[int, ...]]:
        return [(mode, size.ranks[0]) for mode in size.modes]

    def reconstruct(self) -> Tensor:
        *rows, last = self.factors
        spec = self.size.spec
        return (khatri_rao(rows) @ last.T).reshape(spec.out_channels, spec.in_channels)

    def stages(self) -> list[Tensor]:
        split = split_point(self.size.modes, self.size.spec.out_channels)
        return [khatri_rao(self.factors[split:]).T, khatri_rao(self.factors[:split])]

    def decompose(self, target: Tensor, generator: torch.Generator) -> list[Tensor]:
        modes, rank = self.size.modes, self.size.ranks[0]
        return decompose.canonical(target.reshape(modes), rank, generator)

    def first_factors(self, pointwise: Tensor, generator: torch.Generator) -> list[Tensor]:
        # decomposing a random matrix gains nothing: see docs/decisions/initialisation.md
        return [normal(shape, 1.0, generator) for shape in self.shapes(self.size)]


def khatri_rao(factors: Sequence[Tensor]) -> Tensor:
    """Column-wise Kronecker product of (n_k, R), from the left -> (prod n_k, R)."""
    product = factors[0]
    for factor in factors[1:]:
        product = (product[:, None] * factor).flatten(0, 1)
    return product
