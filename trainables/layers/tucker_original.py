"""A depthwise convolution, then Tucker as the 2018 code stored it: the core is a tensor train."""

from typing import final

import torch
from torch import Tensor

from trainables.layers import decompose
from trainables.layers.separable_form import SeparableForm
from trainables.layers.tensor_train import multiply_out, train_halves
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.tucker_original import original_bonds


@final
class TuckerOriginalConv2d(SeparableForm):
    """factors: U_k (n_k, S_k) for each mode, then the core's train (r_{k-1}, S_k, r_k)."""

    @staticmethod
    def shapes(size: LayerSize) -> list[tuple[int, ...]]:
        bonds = original_bonds(size.modes, size.ranks)
        cores = zip(bonds[:-1], size.ranks, bonds[1:], strict=True)
        return [*zip(size.modes, size.ranks, strict=True), *cores]

    def reconstruct(self) -> Tensor:
        spec = self.size.spec
        return multiply_out(self._joined()).reshape(spec.out_channels, spec.in_channels)

    def stages(self) -> list[Tensor]:
        return train_halves(self._joined(), self.size)

    def decompose(self, target: Tensor, generator: torch.Generator) -> list[Tensor]:
        modes, ranks = self.size.modes, self.size.ranks
        bonds = original_bonds(modes, ranks)
        train, factors = decompose.tucker(target.reshape(modes), ranks, bonds, generator)
        return [*factors, *train]

    def _joined(self) -> list[Tensor]:
        """Each factor multiplied into its core: (n, S) @ (r, S, r') -> (r, n, r')."""
        modes = len(self.size.modes)
        factors, cores = self.factors[:modes], self.factors[modes:]
        return [factor @ core for factor, core in zip(factors, cores, strict=True)]
