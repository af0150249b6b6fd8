"""How much of a kernel each rank of a family can keep, computed without decomposing it."""

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
"""Smallest share of a kernel, representable by a family, that is told from none."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """The loss of one layer at each of its ranks, as shares of its kernel's ‖W‖².

    The squared relative error of a decomposition is at most ``lost`` plus the cuts at its ranks
    (Oseledets 2011, theorem 2.2; De Lathauwer et al. 2000, property 10).

    Attributes:
        family: of the layer; at a 1x1 window some families become another.
        spec: the shape of the layer.
        modes: the dimensions that the matrix is reshaped to; () where it is not reshaped.
        cuts: for each rank of the family, the loss from cutting it to 0, 1, …: the sum of the
            squared singular values beyond, of the unfolding that the rank belongs to.
        lost: the loss that no rank avoids: a separable form represents only depthwise × pointwise
            kernels.
        may_stay_dense: whether the layer stays dense where its factors would not have fewer
            parameters.
    """

    family: Family
    spec: ConvSpec
    modes: Ints
    cuts: tuple[tuple[float, ...], ...]
    lost: float
    may_stay_dense: bool = False

    def parameters(self, ranks: Ints) -> int:
        """Parameters of the layer at these ranks."""
        if self.stays_dense(ranks):
            return prod(self.spec.kernel_shape)
        return self.family.parameters(self.spec, self.modes, ranks)

    def stays_dense(self, ranks: Ints) -> bool:
        """Whether the layer stays dense rather than being factorised at these ranks."""
        if not self.may_stay_dense:
            return False
        factors = self.family.parameters(self.spec, self.modes, ranks)
        return factors >= prod(self.spec.kernel_shape)

    def bound(self, ranks: Ints) -> float:
        """Upper bound on the squared relative error at these ranks."""
        pairs = zip(self.cuts, ranks, strict=True)
        return self.lost + sum(cut[min(rank, len(cut) - 1)] for cut, rank in pairs)

    def kept(self, ranks: Ints, *, nested: bool) -> float:
        """An estimate of the share that is kept of what the family can represent, in [0, 1].

        A layer that stays dense also keeps what its family could not represent: its share is
        above 1.

        Args:
            ranks: one for each of the cuts.
            nested: True assumes that all cuts discard the same part of the kernel, so that the
                largest one counts. False assumes that each discards its share of what the others
                leave. The truth lies between the two.
        """
        if self.stays_dense(ranks):
            return 1 / max(1 - self.lost, LEAST_SHARE)
        pairs = zip(self.cuts, ranks, strict=True)
        shares = [1 - cut[min(rank, len(cut) - 1)] / (1 - self.lost) for cut, rank in pairs]
        return min(shares) if nested else prod(shares)


def measure_spectrum(
    layer: str, kernel: Tensor, spec: ConvSpec, dims: int, *, may_stay_dense: bool = False
) -> Spectrum:
    """The spectrum of a kernel, computed in float64, for a family that has unfoldings.

    Args:
        layer: the family, a key of SIZES.
        kernel: (out, in, k, k).
        spec: the shape of the layer.
        dims: number of dimensions that a matrix is reshaped to.
        may_stay_dense: see ``Spectrum``.
    """
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
    """The unfolding of a tensor with the axes ``rows`` as its rows and all others as columns."""
    columns = [axis for axis in range(tensor.dim()) if axis not in rows]
    return tensor.permute(*rows, *columns).flatten(0, len(rows) - 1).flatten(1)


def singular_values(kernel: Tensor) -> Tensor:
    """The singular values of an (out, in, k, k) kernel as a matrix (out, in·k²).

    They are in descending order and divided by the largest.
    """
    values = _squared_singular_values(kernel.double().flatten(1)).sqrt()
    return values / values[0]


def nearest_pointwise(kernel: Tensor, spec: ConvSpec) -> Tensor:
    """The (out, in) matrix of the nearest depthwise × pointwise kernel, with windows of norm 1.

    The squared error of decomposing this matrix adds to the squared error of that kernel.
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
    """The share of ``energy`` lost by cutting the matrix to rank 0, 1, …, full."""
    squares = _squared_singular_values(matrix) / energy
    # summed from the smallest, so that rounding does not swallow the small ones
    tails = squares.flip(0).cumsum(0).flip(0).tolist()
    return (*tails, 0.0)


def _squared_singular_values(matrix: Tensor) -> Tensor:
    """Squared singular values in descending order.

    They are eigenvalues of the smaller Gram matrix: shares need no more precision than that, and an
    SVD takes longer.
    """
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    return torch.linalg.eigvalsh(gram).flip(0).clamp(min=0)
