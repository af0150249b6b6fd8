"""Separable with the pointwise matrix as a tensor train (Oseledets 2011; Garipov et al. 2016)."""

from math import prod
from typing import final

from trainables.sizes.family import Family, Ints
from trainables.sizes.formula import Formula
from trainables.sizes.layer_size import RouteCost
from trainables.sizes.reshape import attainable_bonds, full_bonds, split_point
from trainables.sizes.separable_form import (
    depthwise_parameters,
    reconstructed_pointwise,
    two_pointwise,
)
from trainables.sizes.spec import ConvSpec
from trainables.sizes.style import Style


@final
class TensorTrain(Family):
    """The out x in matrix, reshaped row-major to n_1..n_d, as cores (r_{k-1}, n_k, r_k).

    Ranks: r_1..r_{d-1}; r_0 = r_d = 1.
    Parameters: k^2 in + sum_k r_{k-1} n_k r_k.
    rank_scale: r_k = max(1, round(s min(n_k, n_{k+1}))), the January 2019 rule. From d = 4 on it
    gives less than the full rank even at s = 1.
    """

    name = "tensor_train"
    help = "separable, the pointwise matrix as a tensor train"
    formula = Formula(
        "depthwise, 1×1 as a tensor train",
        "k²i + Σ r_{k−1} n_k r_k",
        "(k²i + io)·hw; reconstruction Σ_{k≥2} (∏_{j<k} n_j) r_{k−1} n_k r_k",
    )
    style = Style("#c44e00", "triangle-up", (6, 3))
    reshapes = True

    def dimensions(self, spec: ConvSpec, modes: Ints) -> Ints:
        return tuple(map(min, modes[:-1], modes[1:]))

    def attainable(self, spec: ConvSpec, modes: Ints, wanted: Ints) -> Ints:
        return attainable_bonds(modes, wanted)

    def full_rank(self, spec: ConvSpec, modes: Ints) -> int:
        return max(full_bonds(modes))

    def unfoldings(self, spec: ConvSpec, modes: Ints) -> tuple[Ints, ...]:
        return tuple(tuple(range(bond)) for bond in range(1, len(modes)))

    def parameters(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> int:
        cores = sum(map(prod, zip((1, *ranks), modes, (*ranks, 1), strict=True)))
        return depthwise_parameters(spec) + cores

    def routes(
        self, spec: ConvSpec, modes: Ints, ranks: Ints
    ) -> tuple[RouteCost | None, RouteCost]:
        bonds = (1, *ranks, 1)
        reconstructed = reconstructed_pointwise(spec, forward=chain_macs(modes, bonds))
        split = split_point(modes, spec.out_channels)
        if split is None:
            return None, reconstructed
        halves = chain_macs(modes[:split], bonds[: split + 1])
        halves += chain_macs(modes[split:], bonds[split:])
        return two_pointwise(spec, bonds[split], forward=halves), reconstructed


def chain_macs(modes: Ints, bonds: Ints) -> int:
    """Multiply-adds to contract cores (bonds[k], modes[k], bonds[k + 1]) from left to right."""
    rows = bonds[0] * modes[0]
    total = 0
    for mode, left, right in zip(modes[1:], bonds[1:], bonds[2:], strict=False):
        total += rows * left * mode * right
        rows *= mode
    return total
