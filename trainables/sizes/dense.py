"""The ordinary convolution."""

from typing import final

from trainables.sizes.family import Family, Ints
from trainables.sizes.formula import Formula
from trainables.sizes.layer_size import RouteCost
from trainables.sizes.spec import ConvSpec
from trainables.sizes.style import Style


@final
class Dense(Family):
    """k^2 in out parameters, and as many multiply-adds per output position.

    Its stored kernel is its only factor, so there is nothing to reconstruct.
    """

    name = "dense"
    help = "the ordinary convolution, not factorised"
    formula = Formula(
        "the kernel",
        "k²io",
        "k²io·hw",
    )
    style = Style("#1f2328", "square")
    ranked = False
    whole_kernel = True

    def parameters(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> int:
        return spec.area * spec.in_channels * spec.out_channels

    def routes(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> tuple[RouteCost, None]:
        return RouteCost(output=self.parameters(spec, modes, ranks)), None
