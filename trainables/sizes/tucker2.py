"""Tucker-2 of the k x k kernel: 1x1, k x k, 1x1 (Kim et al. 2016, arXiv 1511.06530)."""

from typing import final

from trainables.sizes.family import Family, Ints
from trainables.sizes.layer_size import RouteCost
from trainables.sizes.spec import ConvSpec


@final
class Tucker2(Family):
    """1x1 in -> r1, k x k r1 -> r2 with the stride, 1x1 r2 -> out; any kernel at full ranks.

    Parameters in r1 + k^2 r1 r2 + r2 out. rank_scale is a fraction of min(in, out) for both ranks.
    Reconstruction: the core takes the inputs, in r1 k^2 r2, then the outputs, in k^2 r2 out.
    """

    name = "tucker2"

    def dimensions(self, spec: ConvSpec, modes: Ints) -> Ints:
        return (min(spec.in_channels, spec.out_channels),) * 2

    def attainable(self, spec: ConvSpec, modes: Ints, wanted: Ints) -> Ints:
        # a Tucker tensor (in, k^2, out) whose middle mode is left whole
        area = spec.kernel_size**2
        r1, r2 = min(wanted[0], spec.in_channels), min(wanted[1], spec.out_channels)
        r1 = min(r1, area * r2)
        return r1, min(r2, area * r1)

    def full_rank(self, spec: ConvSpec, modes: Ints) -> int:
        return max(spec.in_channels, spec.out_channels)

    def parameters(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> int:
        r1, r2 = ranks
        core = spec.kernel_size**2 * r1 * r2
        return spec.in_channels * r1 + core + r2 * spec.out_channels

    def routes(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> tuple[RouteCost, RouteCost]:
        r1, r2 = ranks
        i, o, area = spec.in_channels, spec.out_channels, spec.kernel_size**2
        factors = RouteCost(input=i * r1, output=area * r1 * r2 + r2 * o)
        product = i * r1 * area * r2 + i * area * r2 * o
        return factors, RouteCost(output=area * i * o, forward=product)
