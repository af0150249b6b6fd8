"""A depthwise convolution, then a pointwise matrix stored as a Tucker tensor."""

from collections.abc import Sequence
from math import prod
from typing import final

import torch
from torch import Tensor

from trainables.layers import decompose
from trainables.layers.separable_form import SeparableForm
from trainables.layers.tensor_train import multiply_out
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.reshape import split_point
from trainables.sizes.tucker_original import original_bonds


@final
class TuckerConv2d(SeparableForm):
    """factors: U_k (n_k, S_k) for each mode, then the core (S_1, ..., S_d)."""

    @staticmethod
    def shapes(size: LayerSize) -> list[tuple[int, ...]]:
        return [*zip(size.modes, size.ranks, strict=True), size.ranks]

    def reconstruct(self) -> Tensor:
        *factors, core = self.factors
        spec = self.size.spec
        return mode_products(core, factors).reshape(spec.out_channels, spec.in_channels)

    def stages(self) -> list[Tensor]:
        *factors, core = self.factors
        split = split_point(self.size.modes, self.size.spec.out_channels)
        rows, columns = factors[:split], factors[split:]
        matrix = core.reshape(prod(self.size.ranks[:split]), -1)
        # as in trainables.sizes.tucker: the core joins the half with more ranks
        if matrix.shape[0] >= matrix.shape[1]:
            expand = mode_products(matrix, rows).reshape(matrix.shape[1], -1).T
            return [kronecker(columns).T, expand]
        contract = mode_products(matrix.T, columns).reshape(matrix.shape[0], -1)
        return [contract, kronecker(rows)]

    def decompose(self, target: Tensor, generator: torch.Generator) -> list[Tensor]:
        modes, ranks = self.size.modes, self.size.ranks
        bonds = original_bonds(modes, ranks)
        train, factors = decompose.tucker(target.reshape(modes), ranks, bonds, generator)
        return [*factors, multiply_out(train).reshape(ranks)]


def mode_products(core: Tensor, factors: Sequence[Tensor]) -> Tensor:
    """Apply factors (n_k, S_k) to the leading modes of a core (S_1, ..., S_j, rest).

    Returns:
        (rest, n_1 ... n_j). Each product moves its mode from the front to the back, so that every
        step is one matrix product.
    """
    product = core
    for factor in factors:
        product = product.reshape(factor.shape[1], -1).T @ factor.T
    return product


def kronecker(factors: Sequence[Tensor]) -> Tensor:
    """Kronecker product of (n_k, S_k), from the left -> (prod n_k, prod S_k)."""
    product = factors[0]
    for factor in factors[1:]:
        product = torch.kron(product, factor)
    return product
