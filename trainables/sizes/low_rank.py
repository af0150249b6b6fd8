"""Separable with a linear bottleneck: depthwise, 1x1 in -> r, 1x1 r -> out, nothing between."""

from typing import final

from trainables.sizes.family import Family, Ints
from trainables.sizes.formula import Formula
from trainables.sizes.layer_size import RouteCost
from trainables.sizes.separable_form import (
    depthwise_parameters,
    reconstructed_pointwise,
    two_pointwise,
)
from trainables.sizes.spec import ConvSpec
from trainables.sizes.style import Style


@final
class LowRank(Family):
    """k^2 in + r (in + out) parameters; sweep A of the 2018 study (gngdb/cifar10-fast).

    rank_scale is a fraction of min(in, out), which is also the full rank.
    Reconstructing the matrix costs in r out multiply-adds once. It saves multiply-adds per position
    where r exceeds in out / (in + out).
    """

    name = "low_rank"
    help = "separable, the pointwise matrix through a linear bottleneck"
    formula = Formula(
        "depthwise, 1×1 i→r, 1×1 r→o",
        "k²i + r(i + o)",
        "(k²i + r(i + o))·hw; reconstruction ior",
    )
    style = Style("#0072b2", "circle")

    def dimensions(self, spec: ConvSpec, modes: Ints) -> Ints:
        return (self.full_rank(spec, modes),)

    def attainable(self, spec: ConvSpec, modes: Ints, wanted: Ints) -> Ints:
        return (min(wanted[0], self.full_rank(spec, modes)),)

    def full_rank(self, spec: ConvSpec, modes: Ints) -> int:
        return min(spec.in_channels, spec.out_channels)

    def unfoldings(self, spec: ConvSpec, modes: Ints) -> tuple[Ints, ...]:
        return ((0,),)

    def parameters(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> int:
        return depthwise_parameters(spec) + ranks[0] * (spec.in_channels + spec.out_channels)

    def routes(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> tuple[RouteCost, RouteCost]:
        product = spec.in_channels * ranks[0] * spec.out_channels
        return two_pointwise(spec, ranks[0]), reconstructed_pointwise(spec, forward=product)
