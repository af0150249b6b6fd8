"""Tucker-2 of the k x k kernel: 1x1, k x k, 1x1 (Kim et al. 2016, arXiv 1511.06530)."""

from typing import final

from trainables.sizes.family import Family, Ints
from trainables.sizes.formula import Formula
from trainables.sizes.layer_size import RouteCost
from trainables.sizes.low_rank import LowRank
from trainables.sizes.spec import ConvSpec
from trainables.sizes.style import Style


@final
class Tucker2(Family):
    """1x1 in -> r1, k x k r1 -> r2 with the stride, 1x1 r2 -> out; any kernel at full ranks.

    Parameters: in r1 + k^2 r1 r2 + r2 out.
    rank_scale: a fraction of min(in, out) for both ranks.
    At a 1x1 window the core would be redundant: the layer becomes low_rank.
    Reconstruction: the core times the input factor, in r1 k^2 r2, then times the output factor,
    in k^2 r2 out.
    """

    name = "tucker2"
    help = "the kernel as 1×1, k×k, 1×1 (Tucker-2)"
    formula = Formula(
        "1×1 i→r₁, k×k r₁→r₂, 1×1 r₂→o",
        "ir₁ + k²r₁r₂ + r₂o",
        "ir₁·HW + (k²r₁r₂ + r₂o)·hw; reconstruction ik²r₂(r₁ + o)",
    )
    whole_kernel = True
    style = Style("#5b4bb5", "triangle-left", (10, 3))

    def at(self, spec: ConvSpec) -> Family:
        return LowRank() if spec.area == 1 else self

    def dimensions(self, spec: ConvSpec, modes: Ints) -> Ints:
        return (min(spec.in_channels, spec.out_channels),) * 2

    def attainable(self, spec: ConvSpec, modes: Ints, wanted: Ints) -> Ints:
        # a Tucker tensor (in, k^2, out) whose middle mode is left whole
        area = spec.area
        r1, r2 = min(wanted[0], spec.in_channels), min(wanted[1], spec.out_channels)
        r1 = min(r1, area * r2)
        return r1, min(r2, area * r1)

    def full_rank(self, spec: ConvSpec, modes: Ints) -> int:
        return max(spec.in_channels, spec.out_channels)

    def unfoldings(self, spec: ConvSpec, modes: Ints) -> tuple[Ints, ...]:
        return (1,), (0,)

    def parameters(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> int:
        r1, r2 = ranks
        core = spec.area * r1 * r2
        return spec.in_channels * r1 + core + r2 * spec.out_channels

    def routes(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> tuple[RouteCost, RouteCost]:
        r1, r2 = ranks
        i, o, area = spec.in_channels, spec.out_channels, spec.area
        factors = RouteCost(input=i * r1, output=area * r1 * r2 + r2 * o)
        product = i * r1 * area * r2 + i * area * r2 * o
        return factors, RouteCost(output=area * i * o, forward=product)
