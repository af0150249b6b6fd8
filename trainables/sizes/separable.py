"""Depthwise k x k, then 1x1 (Sifre 2014; Howard et al. 2017, arXiv 1704.04861)."""

from typing import final

from trainables.sizes.dense import Dense
from trainables.sizes.family import Family, Ints
from trainables.sizes.formula import Formula
from trainables.sizes.layer_size import RouteCost
from trainables.sizes.separable_form import depthwise_parameters, reconstructed_pointwise
from trainables.sizes.spec import ConvSpec
from trainables.sizes.style import Style


@final
class Separable(Family):
    """k^2 in + in out parameters, and as many multiply-adds per output position."""

    name = "separable"
    help = "a depthwise convolution, then a pointwise one"
    formula = Formula(
        "depthwise k×k, 1×1",
        "k²i + io",
        "(k²i + io)·hw",
    )
    style = Style("#8a6d00", "diamond", (8, 2))
    ranked = False

    def at(self, spec: ConvSpec) -> Family:
        return Dense() if spec.area == 1 else self

    def parameters(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> int:
        return depthwise_parameters(spec) + spec.in_channels * spec.out_channels

    def routes(self, spec: ConvSpec, modes: Ints, ranks: Ints) -> tuple[RouteCost, None]:
        # with the pointwise matrix stored as it is, there is nothing to reconstruct
        return reconstructed_pointwise(spec), None
