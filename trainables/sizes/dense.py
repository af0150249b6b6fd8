"""The ordinary convolution."""

from typing import final

from trainables.sizes.family import Family, Ints
from trainables.sizes.layer_size import RouteCost
from trainables.sizes.spec import ConvSpec


@final
class Dense(Family):
    """k^2 in out parameters, as many multiply-adds an output position.

    Its stored kernel is its only factor, so there is nothing to reconstruct.
    """

    name = "dense"
    ranked = False

    def parameters(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> int:
        return spec.kernel_size**2 * spec.in_channels * spec.out_channels

    def routes(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> tuple[RouteCost, None]:
        return RouteCost(output=self.parameters(spec, modes, ranks)), None
