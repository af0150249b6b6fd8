"""What the separable forms share: a depthwise stage, then a pointwise matrix.

All of them are k x k depthwise, then a 1x1 whose out x in matrix is what the family factorises.
They differ in how that matrix is stored; run and counted they are alike. A pointwise convolution
has no depthwise stage: it would scale each input, which the matrix does.
"""

from trainables.sizes.layer_size import RouteCost
from trainables.sizes.spec import ConvSpec


def depthwise_parameters(spec: ConvSpec) -> int:
    """k^2 * in; 0 at a 1x1 window."""
    return spec.area * spec.in_channels if spec.area > 1 else 0


def reconstructed_pointwise(spec: ConvSpec, forward: int = 0) -> RouteCost:
    """(k^2 in + in out) a position, after the matrix was made once in `forward` multiply-adds."""
    pointwise = spec.in_channels * spec.out_channels
    return RouteCost(output=depthwise_parameters(spec) + pointwise, forward=forward)


def two_pointwise(spec: ConvSpec, bond: int, forward: int = 0) -> RouteCost:
    """(k^2 in + bond (in + out)) a position, after both halves were made once in `forward`."""
    halves = bond * (spec.in_channels + spec.out_channels)
    return RouteCost(output=depthwise_parameters(spec) + halves, forward=forward)
