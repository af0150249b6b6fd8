"""The network to export: plain convolutions, and factors where convolutions would be larger.

The form ``FACTORS`` never stores a layer in more numbers than training did, as the network was
compressed for its size. A layer becomes plain convolutions where they are not larger. Else it keeps
its factors, and computes its kernel from them at every forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from trainables.architectures.network_size import NetworkSize
from trainables.exporting.batchnorm_pairs import batchnorm_pairs
from trainables.layers.base import FactorizedConv2d
from trainables.layers.kernel_form import KernelForm
from trainables.layers.linear import FactorizedLinear
from trainables.layers.memory_format import with_kernels_last
from trainables.layers.separable_form import SeparableForm
from trainables.networks.layer_calls import put_layer
from trainables.sizes.spec import Call, ConvSpec, Extent
from trainables.training.checkpoints.module_copy import copy_module

RANK_TOLERANCE = 1e-10
"""Relative, in float64: a product of float32 factors has their rank up to 1e-15."""

FACTORS = "factors"
FOLDED = "folded"

Convolutions = list[nn.Conv2d]
Calls = Sequence[Call]


@torch.no_grad()
def make_plain(
    network: nn.Module, size: NetworkSize, *, form: str, fold_norm: bool = True
) -> nn.Module:
    """An equal network for inference.

    Args:
        network: as it was trained, with any layers.
        size: the network's size.
        form: FACTORS stores each layer in at most as many numbers as training did, in the way with
            the fewest multiply-adds. FOLDED makes every kernel one convolution, or a depthwise and
            a pointwise one, however large.
        fold_norm: whether BatchNorm is folded into the convolution before it, where
            ``batchnorm_pairs`` finds one. It is never folded into a layer that keeps its factors,
            nor, in the form FACTORS, where it has no parameters but would become some.
    """
    plain = copy_module(network).double().eval()
    pairs = batchnorm_pairs(plain) if fold_norm else {}
    for name, calls in zip(size.names, size.inputs, strict=True):
        layer = plain.get_submodule(name)
        if isinstance(layer, FactorizedLinear):
            put_layer(plain, name, _in_a_row(_matrices(_choose(layer.pixel, calls, form)), layer))
        elif isinstance(layer, FactorizedConv2d):
            put_layer(plain, name, _in_a_row(_choose(layer, calls, form), layer))
    for name, norm in pairs.items():
        last = _stages(plain.get_submodule(name))[-1]
        # a norm without parameters would become a bias, which training did not store
        grows = not plain.get_submodule(norm).affine and last.bias is None
        if isinstance(last, nn.Conv2d) and not (form == FACTORS and grows):
            _fold(plain.get_submodule(norm), last)
            plain.set_submodule(norm, nn.Identity())
    return with_kernels_last(plain.float()).eval()


def plain_macs(network: nn.Module, size: NetworkSize, batch: int) -> float:
    """Multiply-adds per image of a network of ``make_plain``, with ``batch`` images at once.

    Layers that are never replaced are included. Multiply-adds that a layer with factors spends once
    per forward pass are divided by the number of images.
    """
    total: float = size.fixed_macs
    for name, calls in zip(size.names, size.inputs, strict=True):
        layer = network.get_submodule(name)
        convolution = layer.pixel if isinstance(layer, FactorizedLinear) else layer
        if isinstance(convolution, FactorizedConv2d):
            total += convolution.size.macs_of_route(convolution.route, calls, batch)
        else:
            total += count_macs(_stages(layer), calls)
    return total


def count_macs(stages: Sequence[nn.Module], calls: Calls) -> int:
    """Multiply-adds per image of a sequence of convolutions or matrices, over all calls."""
    total = 0
    for height, width, *folded in calls:
        for stage in stages:
            if isinstance(stage, nn.Conv2d):
                height, width = _spec(stage).output_size(height, width)
            total += stage.get_parameter("weight").numel() * height * width * prod(folded)
    return total


def _spec(conv: nn.Conv2d) -> ConvSpec:
    """The shape of a convolution without dilation, with any number of groups."""
    padding = 0 if conv.padding == "valid" else conv.padding
    return ConvSpec(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, padding)


def _stages(layer: nn.Module) -> list[nn.Module]:
    return [*layer] if isinstance(layer, nn.Sequential) else [layer]


class _Row(nn.Sequential):
    """Stages in place of a layer, with the layer's attributes that a network may read."""

    def __init__(self, stages: Sequence[nn.Module], layer: nn.Module) -> None:
        super().__init__(*stages)
        self.stands_for = (layer,)  # no part of this one

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if "stands_for" not in vars(self):
                raise
        value = getattr(self.stands_for[0], name)
        return value.float() if isinstance(value, Tensor) else value


def _in_a_row(stages: Sequence[nn.Module], layer: nn.Module) -> nn.Module:
    return stages[0] if len(stages) == 1 else _Row(stages, layer)


def _matrices(stages: Sequence[nn.Module]) -> list[nn.Module]:
    """Pointwise convolutions as linear layers; a layer with factors as a FactorizedLinear."""
    matrices: list[nn.Module] = []
    for stage in stages:
        if isinstance(stage, FactorizedConv2d):
            matrices.append(FactorizedLinear(stage))
            continue
        weight = stage.get_parameter("weight").flatten(1)
        matrix = nn.Linear(weight.shape[1], weight.shape[0], stage.bias is not None, device="meta")
        matrix.weight = nn.Parameter(weight, requires_grad=False)
        matrix.bias = stage.bias
        matrices.append(matrix)
    return matrices


def _choose(
    layer: FactorizedConv2d, calls: Calls, form: str
) -> Convolutions | list[FactorizedConv2d]:
    """The convolutions that replace a layer, or the layer itself; the last one has the bias."""
    convs = _plain_or_none(layer, calls, form)
    if not convs:
        return [layer]
    if layer.bias is not None:
        convs[-1].bias = nn.Parameter(layer.bias.detach().clone(), requires_grad=False)
    return convs


def _plain_or_none(layer: FactorizedConv2d, calls: Calls, form: str) -> Convolutions:
    """The convolutions; empty where they would store more numbers than the form allows."""
    folded = _fold_factors(layer)
    if form == FOLDED:
        return folded
    allowed = [
        convs
        for convs in (_keep_factors(layer), folded)
        if sum(conv.weight.numel() for conv in convs) <= layer.size.parameters
    ]
    return min(allowed, key=lambda convs: count_macs(convs, calls), default=[])


def _fold_factors(layer: FactorizedConv2d) -> Convolutions:
    spec = layer.size.spec
    if isinstance(layer, SeparableForm) and layer.depthwise is not None:
        return [_depthwise(layer), _conv(layer.reconstruct()[:, :, None, None])]
    return [_conv(layer.kernel(), spec.stride, spec.padding, spec.padding_mode)]


def _keep_factors(layer: FactorizedConv2d) -> Convolutions:
    spec = layer.size.spec
    if isinstance(layer, SeparableForm):
        contract, expand = _bottleneck(layer.reconstruct())
        if layer.depthwise is None:  # a 1x1 window: the first matrix takes the stride
            return [_conv(contract, spec.stride, spec.padding, spec.padding_mode), _conv(expand)]
        return [_depthwise(layer), _conv(contract), _conv(expand)]
    assert isinstance(layer, KernelForm)
    return [
        _conv(weight, stride, padding, spec.padding_mode)
        for weight, (stride, padding) in zip(layer.factors, layer.steps(spec), strict=True)
    ]


def _bottleneck(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """An (out, in) matrix of rank r as the weights of 1×1 in → r and 1×1 r → out, exactly.

    One of zeros counts as of rank 1, since a convolution has at least one channel.
    """
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    rank = max(1, int((values > RANK_TOLERANCE * values[0]).sum()))
    root = values[:rank].sqrt()
    contract, expand = root[:, None] * right[:rank], left[:, :rank] * root
    return contract[:, :, None, None], expand[:, :, None, None]


def _depthwise(layer: SeparableForm) -> nn.Conv2d:
    spec = layer.size.spec
    assert layer.depthwise is not None
    steps = spec.stride, spec.padding, spec.padding_mode
    return _conv(layer.depthwise, *steps, groups=spec.in_channels)


def _conv(
    weight: Tensor,
    stride: Extent = 1,
    padding: Extent | str = 0,
    padding_mode: str = "zeros",
    groups: int = 1,
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
        padding_mode=padding_mode,
        bias=False,
        device="meta",
        dtype=weight.dtype,
    )
    conv.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
    return conv


def _fold(norm: nn.Module, conv: nn.Conv2d) -> None:
    """Folds BatchNorm: y = γ(Wx + b - μ)/√(σ² + ε) + β as a convolution with a bias."""
    assert isinstance(norm, nn.BatchNorm2d)
    scale = (norm.running_var + norm.eps).rsqrt()
    shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
    if norm.affine:
        scale = norm.weight * scale
    bias = shift * scale if not norm.affine else shift * scale + norm.bias
    conv.weight = nn.Parameter(conv.weight * scale[:, None, None, None], requires_grad=False)
    conv.bias = nn.Parameter(bias, requires_grad=False)
