"""ResNet-9 in numbers: which convolutions are replaced, and what the rest of it costs.

The layout is cifar10-fast's (David Page 2018): prep, then three layers, a 2x2 max-pool after each
layer's first convolution, two residual convolutions after the pools of layers 1 and 3, a last pool
over 4x4, a linear classifier. Every convolution is 3x3 without bias, followed by BatchNorm.
"""

from collections import Counter
from functools import lru_cache

from trainables.sizes.spec import ConvSpec

IMAGE_SIDE = 32
IMAGE_CHANNELS = 3
# (input channels, output channels) over the width, and the side of the square input in pixels
_REPLACED = (
    (1, 2, 32),
    (2, 2, 16),
    (2, 2, 16),
    (2, 4, 16),
    (4, 8, 8),
    (8, 8, 4),
    (8, 8, 4),
)
REPLACED_SIDES = tuple(side for _, _, side in _REPLACED)


@lru_cache(maxsize=512)
def replaced_specs(width: int) -> tuple[ConvSpec, ...]:
    """The seven convolutions after prep, in the order the image meets them."""
    return tuple(ConvSpec(width * i, width * o) for i, o, _ in _REPLACED)


@lru_cache(maxsize=512)
def distinct_specs(width: int) -> tuple[tuple[ConvSpec, int], ...]:
    """The replaced convolutions that differ, each with how often it occurs."""
    return tuple(Counter(replaced_specs(width)).items())


def fixed_parameters(width: int, classes: int) -> int:
    """Parameters that are never decomposed: prep, BatchNorm's scales and shifts, classifier."""
    prep = 9 * IMAGE_CHANNELS * width
    normalised = width + sum(spec.out_channels for spec in replaced_specs(width))
    return prep + 2 * normalised + 8 * width * classes


def fixed_macs(width: int, classes: int) -> int:
    """Multiply-adds per image of prep and classifier; BatchNorm folds into its convolution."""
    return 9 * IMAGE_CHANNELS * width * IMAGE_SIDE**2 + 8 * width * classes
