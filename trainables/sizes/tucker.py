"""Separable with the pointwise matrix as a Tucker tensor (De Lathauwer et al. 2000)."""

from itertools import accumulate
from math import prod
from operator import mul
from typing import final

from trainables.sizes.family import Family, Ints
from trainables.sizes.formula import Formula
from trainables.sizes.layer_size import RouteCost
from trainables.sizes.reshape import attainable_modes, split_point
from trainables.sizes.separable_form import (
    depthwise_parameters,
    reconstructed_pointwise,
    two_pointwise,
)
from trainables.sizes.spec import ConvSpec
from trainables.sizes.style import Style


@final
class Tucker(Family):
    """The out x in matrix, reshaped row-major to n_1..n_d: a core S_1..S_d, factors (n_k, S_k).

    Parameters: k^2 in + prod S_k + sum_k n_k S_k.
    rank_scale: S_k = max(1, round(s n_k)); a rank is at most the product of the other ranks.
    Reconstruction: mode products from the left, sum_k (prod_{j<=k} n_j) (prod_{j>=k} S_j).
    """

    name = "tucker"
    help = "separable, the pointwise matrix as a Tucker tensor"
    formula = Formula(
        "depthwise, 1×1 as core and factors",
        "k²i + ∏ S_k + Σ n_k S_k",
        "(k²i + io)·hw; reconstruction Σ_k (∏_{j≤k} n_j)(∏_{j≥k} S_j)",
    )
    style = Style("#008a64", "cross", (2, 2))
    reshapes = True

    def dimensions(self, spec: ConvSpec, modes: Ints) -> Ints:
        return modes

    def attainable(self, spec: ConvSpec, modes: Ints, wanted: Ints) -> Ints:
        return attainable_modes(modes, wanted)

    def full_rank(self, spec: ConvSpec, modes: Ints) -> int:
        return max(modes)

    def unfoldings(self, spec: ConvSpec, modes: Ints) -> tuple[Ints, ...]:
        return tuple((mode,) for mode in range(len(modes)))

    def parameters(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> int:
        return depthwise_parameters(spec) + prod(ranks) + sum(map(mul, modes, ranks))

    def routes(
        self, spec: ConvSpec, modes: Ints, ranks: Ints
    ) -> tuple[RouteCost | None, RouteCost]:
        reconstructed = reconstructed_pointwise(spec, forward=mode_product_macs(modes, ranks))
        split = split_point(modes, spec.out_channels)
        if split is None:
            return None, reconstructed
        rows = (modes[:split], ranks[:split])
        columns = (modes[split:], ranks[split:])
        # the core joins the half with more ranks, so that the bond between the halves is narrower
        joined, other = (rows, columns) if prod(rows[1]) >= prod(columns[1]) else (columns, rows)
        bond = prod(other[1])
        forward = mode_product_macs(*joined, spectators=bond) + kronecker_macs(*other)
        return two_pointwise(spec, bond, forward), reconstructed


def mode_product_macs(modes: Ints, ranks: Ints, spectators: int = 1) -> int:
    """Multiply-adds to apply factors (n_k, S_k) in turn to a (prod(S_k), `spectators`) core."""
    core, rows, total = prod(ranks) * spectators, 1, 0
    for mode, rank in zip(modes, ranks, strict=True):
        rows *= mode
        total += rows * core
        core //= rank
    return total


def kronecker_macs(modes: Ints, ranks: Ints) -> int:
    """Multiplications of the Kronecker product of factors (n_k, S_k), from the left."""
    sizes = list(accumulate(map(mul, modes, ranks), mul))
    return sum(sizes[1:])
