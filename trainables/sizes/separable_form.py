"""Costs that the separable families share: a depthwise convolution, then a pointwise matrix.

The families factorise the out x in matrix of the pointwise convolution, and differ in how they
store it. A layer with a 1x1 window has no depthwise stage: that would only scale each input
channel, which the matrix can do.
"""

from trainables.sizes.layer_size import RouteCost
from trainables.sizes.spec import ConvSpec


def depthwise_parameters(spec: ConvSpec) -> int:
    """k^2 * in parameters; 0 at a 1x1 window."""
    return spec.area * spec.in_channels if spec.area > 1 else 0


def reconstructed_pointwise(spec: ConvSpec, forward: int = 0) -> RouteCost:
    """k^2 in + in out per position, after the matrix was made once with `forward` multiply-adds."""
    pointwise = spec.in_channels * spec.out_channels
    return RouteCost(output=depthwise_parameters(spec) + pointwise, forward=forward)


def two_pointwise(spec: ConvSpec, bond: int, forward: int = 0) -> RouteCost:
    """k^2 in + bond (in + out) per position, after both halves were made once in `forward`."""
    halves = bond * (spec.in_channels + spec.out_channels)
    return RouteCost(output=depthwise_parameters(spec) + halves, forward=forward)
