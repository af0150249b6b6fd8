"""Tensor train of the k x k kernel over (in, k, k, out): four small convolutions."""

from math import prod
from typing import final

from trainables.sizes.family import Family, Ints
from trainables.sizes.layer_size import RouteCost
from trainables.sizes.reshape import attainable_bonds, full_bonds
from trainables.sizes.spec import ConvSpec
from trainables.sizes.tensor_train import chain_macs


@final
class TTConv(Family):
    """1x1 in -> r1, k x 1 r1 -> r2, 1 x k r2 -> r3, 1x1 r3 -> out; any kernel at full ranks.

    Oseledets' train (2011) of the kernel itself; the rows take their stride in the second
    convolution, the columns in the third. Parameters in r1 + k r1 r2 + k r2 r3 + r3 out.
    rank_scale is a fraction of min(in, out) for every rank: taken of the neighbouring dimensions of
    each bond it could never exceed k.
    Reconstruction: the cores multiply out from the inputs.
    """

    name = "tt_conv"

    def dimensions(self, spec: ConvSpec, modes: Ints) -> Ints:
        return (min(spec.in_channels, spec.out_channels),) * 3

    def attainable(self, spec: ConvSpec, modes: Ints, wanted: Ints) -> Ints:
        return attainable_bonds(_kernel_modes(spec), wanted)

    def full_rank(self, spec: ConvSpec, modes: Ints) -> int:
        return max(full_bonds(_kernel_modes(spec)))

    def parameters(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> int:
        return sum(map(prod, zip((1, *ranks), _kernel_modes(spec), (*ranks, 1), strict=True)))

    def routes(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> tuple[RouteCost, RouteCost]:
        r1, r2, r3 = ranks
        i, k, _, o = dimensions = _kernel_modes(spec)
        factors = RouteCost(input=i * r1, strided_rows=k * r1 * r2, output=k * r2 * r3 + r3 * o)
        product = chain_macs(dimensions, (1, *ranks, 1))
        return factors, RouteCost(output=k * k * i * o, forward=product)


def _kernel_modes(spec: ConvSpec) -> tuple[int, int, int, int]:
    return spec.in_channels, spec.kernel_size, spec.kernel_size, spec.out_channels
