"""The shapes of ResNet-9: which convolutions are replaced, and the size of the rest.

The layout is that of cifar10-fast (David Page 2018): prep, then three layers; a 2x2 max-pool after
the first convolution of each layer; two residual convolutions after the pools of layers 1 and 3; a
last 4x4 max-pool; a linear classifier. Each convolution is 3x3 without bias, followed by BatchNorm.
"""

from functools import lru_cache

from trainables.architectures.layer_table import LayerRow, LayerTable
from trainables.architectures.skeleton import Skeleton
from trainables.sizes.spec import ConvSpec

RESNET9 = "resnet9"

IMAGE_SIDE = 32
IMAGE_CHANNELS = 3
# (input channels / width, output channels / width, side of the square input in pixels)
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
    """The seven convolutions after prep, in forward order."""
    return tuple(ConvSpec(width * i, width * o) for i, o, _ in _REPLACED)


def fixed_parameters(width: int, classes: int) -> int:
    """Parameters outside the seven convolutions: prep, BatchNorm's affine ones, classifier."""
    prep = 9 * IMAGE_CHANNELS * width
    normalised = width + sum(spec.out_channels for spec in replaced_specs(width))
    return prep + 2 * normalised + 8 * width * classes


def fixed_macs(width: int, classes: int) -> int:
    """Multiply-adds per image of prep and classifier; BatchNorm can be folded, and counts none."""
    return 9 * IMAGE_CHANNELS * width * IMAGE_SIDE**2 + 8 * width * classes


@lru_cache(maxsize=512)
def resnet9_skeleton(width: int, classes: int) -> Skeleton:
    """ResNet-9 for the arithmetic of a budget."""
    fixed = fixed_parameters(width, classes)
    return Skeleton(f"at width {width}", fixed, replaced_specs(width), may_stay_dense=False)


@lru_cache(maxsize=512)
def resnet9_table(width: int, classes: int) -> LayerTable:
    """ResNet-9 as a table of layers."""
    sides = (IMAGE_SIDE, *REPLACED_SIDES)
    first = ConvSpec(IMAGE_CHANNELS, width)
    blocks = zip(NAMES, (first, *replaced_specs(width)), sides, strict=True)
    rows = [
        LayerRow(
            f"{name}.conv",
            "conv",
            spec.in_channels,
            spec.out_channels,
            ((side, side),),
            position,
            kernel=(3, 3),
            padding=(1, 1),
        )
        for position, (name, spec, side) in enumerate(blocks)
    ]
    last = LayerRow("classifier", "linear", 8 * width, classes, ((1, 1),), len(rows))
    normalised = 2 * sum(row.out_channels for row in rows)
    image = (IMAGE_CHANNELS, IMAGE_SIDE, IMAGE_SIDE)
    default = tuple(row.name for row in rows[1:])
    return LayerTable(RESNET9, image, classes, (*rows, last), default, normalised, other_macs=0)


NAMES = (
    "prep",
    "layer1",
    "residual1.first",
    "residual1.second",
    "layer2",
    "layer3",
    "residual3.first",
    "residual3.second",
)
"""The module names of its blocks, in forward order."""
