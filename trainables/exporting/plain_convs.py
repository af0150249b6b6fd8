"""A trained network as it is exported: plain convolutions, and factors where those would be larger.

A network is compressed for its size, so that the form ``FACTORS`` stores no layer in more numbers
than training did. A layer becomes plain convolutions where they fit into that; else it stays what
it is, and makes its kernel from its factors at every forward pass.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainables.layers.base import FactorizedConv2d
from trainables.layers.kernel_form import KernelForm
from trainables.layers.separable_form import SeparableForm
from trainables.networks.resnet9 import ConvNorm, ResNet9
from trainables.sizes.network import NetworkSize
from trainables.sizes.resnet9 import fixed_macs
from trainables.sizes.spec import Extent

RANK_TOLERANCE = 1e-10  # of float64; what float32 factors reconstruct to is of their rank to 1e-15

FACTORS = "factors"
FOLDED = "folded"

Convolutions = list[nn.Conv2d]


@torch.no_grad()
def make_plain(
    network: ResNet9, size: NetworkSize, *, form: str, fold_norm: bool = True
) -> ResNet9:
    """An equal network for inference.

    Args:
        network: ResNet-9 as it was trained, with any layers.
        size: the network's size.
        form: FACTORS stores each layer in at most as many numbers as training did, and among such
            ways takes the one of the fewest multiply-adds. FOLDED makes every kernel one
            convolution, or a depthwise and a pointwise one, however large.
        fold_norm: whether BatchNorm becomes part of the convolution before it. It never does after
            a layer that keeps its own factors.
    """
    plain = copy.deepcopy(network).double().eval()
    replaced = [plain.get_submodule(name) for name in size.names]
    sides = dict(zip(replaced, (side for side, _ in size.input_hw), strict=True))
    for block in list(plain.modules()):
        if isinstance(block, ConvNorm):
            conv = block.conv
            convs = [conv] if conv not in sides else _choose(conv, sides[conv], form)
            if fold_norm and isinstance(convs[-1], nn.Conv2d):
                _fold(block.norm, convs[-1])
                block.norm = nn.Identity()
            block.conv = convs[0] if len(convs) == 1 else nn.Sequential(*convs)
    return plain.float().to(memory_format=torch.channels_last).eval()


def plain_macs(network: ResNet9, size: NetworkSize, batch: int) -> float:
    """Multiply-adds per image of what ``make_plain`` made, ``batch`` images at once.

    Prep and classifier are included; what a layer that keeps its factors does once per forward pass
    is shared among the images.
    """
    total: float = fixed_macs(size.width, size.architecture.classes)
    replaced = [network.get_submodule(name) for name in size.names]
    for layer, (side, _) in zip(replaced, size.input_hw, strict=True):
        if isinstance(layer, FactorizedConv2d):
            total += layer.size.route_macs(side, side, batch)[layer.route]
        else:
            convs = list(layer) if isinstance(layer, nn.Sequential) else [layer]
            total += count_macs(convs, side)
    return total


def count_macs(convs: Sequence[nn.Conv2d], side: int) -> int:
    """Multiply-adds per image for an input of side × side pixels."""
    height = width = side
    total = 0
    for conv in convs:
        height = (height + 2 * conv.padding[0] - conv.kernel_size[0]) // conv.stride[0] + 1
        width = (width + 2 * conv.padding[1] - conv.kernel_size[1]) // conv.stride[1] + 1
        total += conv.weight.numel() * height * width
    return total


def _choose(layer: FactorizedConv2d, side: int, form: str) -> Convolutions | list[FactorizedConv2d]:
    folded = _fold_factors(layer)
    if form == FOLDED:
        return folded
    allowed = [
        convs
        for convs in (_keep_factors(layer), folded)
        if sum(conv.weight.numel() for conv in convs) <= layer.size.parameters
    ]
    return min(allowed, key=lambda convs: count_macs(convs, side), default=[layer])


def _fold_factors(layer: FactorizedConv2d) -> Convolutions:
    spec = layer.size.spec
    if isinstance(layer, SeparableForm):
        return [_depthwise(layer), _conv(layer.reconstruct()[:, :, None, None])]
    return [_conv(layer.kernel(), spec.stride, spec.padding)]


def _keep_factors(layer: FactorizedConv2d) -> Convolutions:
    if isinstance(layer, SeparableForm):
        return [_depthwise(layer), *_bottleneck(layer.reconstruct())]
    assert isinstance(layer, KernelForm)
    return [
        _conv(weight, stride, padding)
        for weight, (stride, padding) in zip(
            layer.factors, layer.steps(layer.size.spec), strict=True
        )
    ]


def _bottleneck(matrix: Tensor) -> Convolutions:
    """An (out, in) matrix of rank r as 1×1 in → r, 1×1 r → out: whatever its factors, exactly."""
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    rank = int((values > RANK_TOLERANCE * values[0]).sum())
    root = values[:rank].sqrt()
    contract, expand = root[:, None] * right[:rank], left[:, :rank] * root
    return [_conv(weight[:, :, None, None]) for weight in (contract, expand)]


def _depthwise(layer: SeparableForm) -> nn.Conv2d:
    spec = layer.size.spec
    return _conv(layer.depthwise, spec.stride, spec.padding, groups=spec.in_channels)


def _conv(
    weight: Tensor, stride: Extent = 1, padding: Extent | str = 0, groups: int = 1
) -> nn.Conv2d:
    """A convolution of a given (out, in / groups, h, w) weight, without bias."""
    out, narrow, *window = weight.shape
    conv = nn.Conv2d(
        narrow * groups,
        out,
        tuple(window),
        stride=stride,
        padding=padding,
        groups=groups,
        bias=False,
        device="meta",
        dtype=weight.dtype,
    )
    conv.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
    return conv


def _fold(norm: nn.BatchNorm2d, conv: nn.Conv2d) -> None:
    """Folds BatchNorm: y = γ(Wx - μ)/√(σ² + ε) + β as a convolution with a bias."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    conv.weight = nn.Parameter(conv.weight * scale[:, None, None, None], requires_grad=False)
    conv.bias = nn.Parameter(norm.bias - norm.running_mean * scale, requires_grad=False)
