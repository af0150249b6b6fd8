"""Tensor train of the k x k kernel over (in, k, k, out): four small convolutions."""

from math import prod
from typing import final

from trainables.sizes.family import Family, Ints
from trainables.sizes.formula import Formula
from trainables.sizes.layer_size import RouteCost
from trainables.sizes.low_rank import LowRank
from trainables.sizes.reshape import attainable_bonds, full_bonds
from trainables.sizes.spec import ConvSpec
from trainables.sizes.style import Style
from trainables.sizes.tensor_train import chain_macs


@final
class TTConv(Family):
    """1x1 in -> r1, k x 1 r1 -> r2, 1 x k r2 -> r3, 1x1 r3 -> out; any kernel at full ranks.

    A tensor train (Oseledets 2011) of the kernel itself. The second convolution applies the stride
    to the rows, the third to the columns.
    Parameters: in r1 + k r1 r2 + k r2 r3 + r3 out.
    rank_scale: a fraction of min(in, out) for every rank. As a fraction of the dimensions beside
    each bond it could never exceed k.
    A window that is one pixel wide or high has a single convolution between the pointwise ones, and
    two ranks. A 1x1 window has none: the layer becomes low_rank.
    Reconstruction: the cores are contracted from the input side.
    """

    name = "tt_conv"
    help = "the kernel as 1×1, k×1, 1×k, 1×1 (a tensor train)"
    formula = Formula(
        "1×1 i→r₁, k×1 r₁→r₂, 1×k r₂→r₃, 1×1 r₃→o",
        "ir₁ + kr₁r₂ + kr₂r₃ + r₃o",
        "ir₁·HW + kr₁r₂·hW + (kr₂r₃ + r₃o)·hw; reconstruction ikr₂(r₁ + kr₃) + ik²r₃o",
    )
    whole_kernel = True
    style = Style("#2b8cbe", "triangle-right", (4, 4))

    def at(self, spec: ConvSpec) -> Family:
        return LowRank() if spec.area == 1 else self

    def dimensions(self, spec: ConvSpec, modes: Ints) -> Ints:
        return (min(spec.in_channels, spec.out_channels),) * (len(kernel_modes(spec)) - 1)

    def attainable(self, spec: ConvSpec, modes: Ints, wanted: Ints) -> Ints:
        return attainable_bonds(kernel_modes(spec), wanted)

    def full_rank(self, spec: ConvSpec, modes: Ints) -> int:
        return max(full_bonds(kernel_modes(spec)))

    def unfoldings(self, spec: ConvSpec, modes: Ints) -> tuple[Ints, ...]:
        # the train runs over (in, rows, columns, out), without the axes of one pixel
        axes = (1, *(axis + 2 for axis, side in enumerate(spec.window) if side > 1))
        return tuple(axes[:bond] for bond in range(1, len(axes) + 1))

    def parameters(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> int:
        return sum(map(prod, zip((1, *ranks), kernel_modes(spec), (*ranks, 1), strict=True)))

    def routes(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> tuple[RouteCost, RouteCost]:
        i, *window, o = dimensions = kernel_modes(spec)
        contract, expand = i * ranks[0], ranks[-1] * o
        if len(window) == 2:
            r1, r2, r3 = ranks
            rows, columns = window
            output = columns * r2 * r3 + expand
            factors = RouteCost(input=contract, strided_rows=rows * r1 * r2, output=output)
        else:
            factors = RouteCost(input=contract, output=window[0] * prod(ranks) + expand)
        product = chain_macs(dimensions, (1, *ranks, 1))
        return factors, RouteCost(output=spec.area * i * o, forward=product)


def kernel_modes(spec: ConvSpec) -> Ints:
    """(in, rows, columns, out), leaving out a side of one pixel."""
    return spec.in_channels, *(side for side in spec.window if side > 1), spec.out_channels
