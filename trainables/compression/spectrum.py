"""How much of a kernel each rank of a family can keep, before anything is decomposed."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from trainables.layers.build import build_from_kernel
from trainables.sizes.family import Family
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.registry import SIZES
from trainables.sizes.spec import ConvSpec

Ints = tuple[int, ...]

LEAST_SHARE = 1e-12
"""Of a kernel, that a family can represent: what is below is nothing."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """What one layer loses at each of its ranks, as shares of its kernel's ‖W‖².

    family: the one that the layer is of: at a 1x1 window some become another.
    modes: the reshaping, () where the family reshapes nothing.
    cuts: for each rank of the family what cutting it to 0, 1, … loses: the sum of the squared
        singular values beyond, of the unfolding that the rank belongs to. The squared relative
        error of a decomposition is at most ``lost`` plus all its cuts (Oseledets 2011, theorem 2.2;
        De Lathauwer et al. 2000, property 10).
    lost: what no rank recovers: a separable form keeps only depthwise × pointwise.
    may_stay_dense: whether the layer is left as it is where its factors would not be fewer numbers.
    """

    family: Family
    spec: ConvSpec
    modes: Ints
    cuts: tuple[tuple[float, ...], ...]
    lost: float
    may_stay_dense: bool = False

    def parameters(self, ranks: Ints) -> int:
        """Numbers that the layer stores at these ranks."""
        if self.stays_dense(ranks):
            return prod(self.spec.kernel_shape)
        return self.family.parameters(self.spec, self.modes, ranks)

    def stays_dense(self, ranks: Ints) -> bool:
        """Whether the layer is left as it is rather than factorised at these ranks."""
        if not self.may_stay_dense:
            return False
        factors = self.family.parameters(self.spec, self.modes, ranks)
        return factors >= prod(self.spec.kernel_shape)

    def bound(self, ranks: Ints) -> float:
        """The most that the squared relative error can be at these ranks."""
        pairs = zip(self.cuts, ranks, strict=True)
        return self.lost + sum(cut[min(rank, len(cut) - 1)] for cut, rank in pairs)

    def kept(self, ranks: Ints, *, nested: bool) -> float:
        """A guess at the share that is kept of what the family can represent, in [0, 1].

        nested: all cuts take the same part of the kernel, so that the largest one counts; else each
        takes its share of what the others leave. The truth lies between. A layer that stays dense
        keeps what its family could not represent, too: above 1.
        """
        if self.stays_dense(ranks):
            return 1 / max(1 - self.lost, LEAST_SHARE)
        pairs = zip(self.cuts, ranks, strict=True)
        shares = [1 - cut[min(rank, len(cut) - 1)] / (1 - self.lost) for cut, rank in pairs]
        return min(shares) if nested else prod(shares)


def measure_spectrum(
    layer: str, kernel: Tensor, spec: ConvSpec, dims: int, *, may_stay_dense: bool = False
) -> Spectrum:
    """The spectrum of an (out, in, k, k) kernel for a family that has unfoldings, in float64."""
    family = SIZES[layer].at(spec)
    modes = family.modes(spec, dims)
    kernel = kernel.double()
    target = kernel if family.whole_kernel else nearest_pointwise(kernel, spec)
    energy = kernel.square().sum()
    tensor = target.reshape(modes) if modes else target
    unfoldings = [_unfold(tensor, rows) for rows in family.unfoldings(spec, modes)]
    lost = 1 - float(target.square().sum() / energy)
    cuts = tuple(_cuts(matrix, energy) for matrix in unfoldings)
    return Spectrum(family, spec, modes, cuts, max(lost, 0.0), may_stay_dense)


def _unfold(tensor: Tensor, rows: Ints) -> Tensor:
    """The matrix whose rows are the axes ``rows``, and whose columns the others."""
    columns = [axis for axis in range(tensor.dim()) if axis not in rows]
    return tensor.permute(*rows, *columns).flatten(0, len(rows) - 1).flatten(1)


def singular_values(kernel: Tensor) -> Tensor:
    """Of the (out, in·k²) matrix of an (out, in, k, k) kernel, descending, over the largest."""
    values = _squared_singular_values(kernel.double().flatten(1)).sqrt()
    return values / values[0]


def nearest_pointwise(kernel: Tensor, spec: ConvSpec) -> Tensor:
    """The (out, in) matrix of the nearest depthwise × pointwise kernel, its windows of norm 1.

    What a decomposition of this matrix loses, squared, adds to what the form itself loses.
    """
    if spec.area == 1:
        return kernel[:, :, 0, 0]
    size = SIZES["separable"].size(spec, RankRule())
    layer = build_from_kernel(
        size, kernel, input_hw=(1, 1), batch=1, generator=torch.Generator(kernel.device)
    )
    with torch.no_grad():
        return layer.factors[0] * layer.depthwise.flatten(1).norm(dim=1)


def _cuts(matrix: Tensor, energy: Tensor) -> tuple[float, ...]:
    """The share of ``energy`` lost by a matrix of rank 0, 1, …, full."""
    squares = _squared_singular_values(matrix) / energy
    # summed from the smallest, so that the little ones are not lost beside the large
    tails = squares.flip(0).cumsum(0).flip(0).tolist()
    return (*tails, 0.0)


def _squared_singular_values(matrix: Tensor) -> Tensor:
    """Descending. Of the smaller Gram matrix: shares are wanted, for which an SVD is too exact."""
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    return torch.linalg.eigvalsh(gram).flip(0).clamp(min=0)
