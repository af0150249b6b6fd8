"""Separable with the pointwise matrix as a sum of outer products (CP; Lebedev et al. 2015)."""

from itertools import accumulate
from math import prod
from operator import mul
from typing import final

from trainables.sizes.family import Family, Ints
from trainables.sizes.formula import Formula
from trainables.sizes.layer_size import RouteCost
from trainables.sizes.reshape import split_point
from trainables.sizes.separable_form import (
    depthwise_parameters,
    reconstructed_pointwise,
    two_pointwise,
)
from trainables.sizes.spec import ConvSpec
from trainables.sizes.style import Style


@final
class CP(Family):
    """The out x in matrix, reshaped row-major to n_1..n_d, as R outer products: factors (n_k, R).

    Parameters: k^2 in + R sum_k n_k.
    rank_scale: R = max(1, round(s min n)); a rank above that is allowed.
    Reconstruction: Khatri-Rao products from the left, sum_{k>=2} R prod_{j<=k} n_j.
    """

    name = "cp"
    help = "separable, the pointwise matrix as a sum of outer products"
    formula = Formula(
        "depthwise, 1×1 as R outer products",
        "k²i + R Σ n_k",
        "(k²i + io)·hw; reconstruction Σ_{k≥2} R ∏_{j≤k} n_j",
    )
    style = Style("#a8478a", "triangle-down", (8, 3, 2, 3))
    reshapes = True

    def dimensions(self, spec: ConvSpec, modes: Ints) -> Ints:
        return (min(modes),)

    def full_rank(self, spec: ConvSpec, modes: Ints) -> int:
        # any tensor is a sum of this many outer products: one for each fibre of its longest mode
        return prod(modes) // max(modes)

    def parameters(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> int:
        return depthwise_parameters(spec) + ranks[0] * sum(modes)

    def routes(
        self, spec: ConvSpec, modes: Ints, ranks: Ints
    ) -> tuple[RouteCost | None, RouteCost]:
        rank = ranks[0]
        reconstructed = reconstructed_pointwise(spec, forward=khatri_rao_macs(modes, rank))
        split = split_point(modes, spec.out_channels)
        if split is None:
            return None, reconstructed
        halves = khatri_rao_macs(modes[:split], rank) + khatri_rao_macs(modes[split:], rank)
        return two_pointwise(spec, rank, forward=halves), reconstructed


def khatri_rao_macs(modes: Ints, rank: int) -> int:
    """Multiplications of the Khatri-Rao product of factors (n_k, rank), from the left."""
    return rank * sum(list(accumulate(modes, mul))[1:])
