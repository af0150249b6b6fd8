"""ResNet-9 (Page 2018) with a pluggable convolution in seven places."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.architectures.network_size import NetworkSize
from trainables.compiled import conv_norm_pool_relu, norm_pool_relu
from trainables.compiled.conv_norm_pool_relu import Kernel
from trainables.layers.build import build_conv
from trainables.layers.kernel_form import KernelForm
from trainables.layers.separable_form import SeparableForm
from trainables.sizes.spec import ConvSpec

LOGIT_SCALE = 0.125  # cifar10-fast


class ConvNorm(nn.Module):
    """A convolution, BatchNorm, max-pool over ``pool``×``pool`` pixels (1: none), ReLU.

    The pool comes before the ReLU: both orders give the same numbers, this one on fewer pixels.
    """

    def __init__(self, conv: nn.Module, channels: int, pool: int = 1) -> None:
        super().__init__()
        self.conv = conv
        self.norm = nn.BatchNorm2d(channels)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) → (B, C_out, H/pool, W/pool)."""
        separable = isinstance(self.conv, SeparableForm)
        if conv_norm_pool_relu.is_supported(x, self.norm, self.pool, separable=separable):
            kernel = whole_kernel(self.conv)
            if kernel is not None:
                return conv_norm_pool_relu.apply(x, kernel, self.norm, self.pool)
        x = self.conv(x)
        if norm_pool_relu.is_supported(x, self.norm, self.pool):
            return norm_pool_relu.apply(x, self.norm, self.pool)
        x = self.norm(x)
        if self.pool > 1:
            x = F.max_pool2d(x, self.pool)
        return F.relu_(x)


def whole_kernel(conv: nn.Module) -> Kernel | None:
    """Where conv is one 3×3 convolution, or a depthwise one and one matrix, padded by 1, stride 1.

    None where it is another convolution, or runs more factors than that.
    """
    if isinstance(conv, SeparableForm | KernelForm):
        spec = conv.size.spec
        if spec != ConvSpec(spec.in_channels, spec.out_channels) or not conv.is_whole:
            return None
        if isinstance(conv, KernelForm):
            return Kernel(conv.kernel())
        return Kernel(conv.reconstruct(), conv.depthwise)
    usual = type(conv) is nn.Conv2d and conv.bias is None and conv.groups == 1
    geometry = (conv.kernel_size, conv.stride, conv.padding, conv.dilation) if usual else None
    return Kernel(conv.weight) if geometry == ((3, 3), (1, 1), (1, 1), (1, 1)) else None


class Residual(nn.Module):
    """x + two convolutions of x."""

    def __init__(self, first: ConvNorm, second: ConvNorm) -> None:
        super().__init__()
        self.first = first
        self.second = second

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → the same shape."""
        return x + self.second(self.first(x))


class ResNet9(nn.Module):
    """The network of the study: prep, three layers, a linear classifier.

    The seven convolutions after prep are ``replaced``, in the order of ``NetworkSize.layers``.
    """

    def __init__(self, prep: nn.Module, replaced: list[nn.Module], size: NetworkSize) -> None:
        super().__init__()
        out = [layer.spec.out_channels for layer in size.layers]
        convs = list(zip(replaced, out, strict=True))
        self.prep = ConvNorm(prep, size.width)
        self.layer1 = ConvNorm(*convs[0], pool=2)
        self.residual1 = Residual(ConvNorm(*convs[1]), ConvNorm(*convs[2]))
        self.layer2 = ConvNorm(*convs[3], pool=2)
        self.layer3 = ConvNorm(*convs[4], pool=2)
        self.residual3 = Residual(ConvNorm(*convs[5]), ConvNorm(*convs[6]))
        self.classifier = nn.Linear(out[-1], size.architecture.classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, 32, 32) → logits (B, classes)."""
        x = self.residual1(self.layer1(self.prep(x)))
        x = self.residual3(self.layer3(self.layer2(x)))
        x = F.max_pool2d(x, 4).flatten(1)
        return self.classifier(x) * LOGIT_SCALE


def build_resnet9(size: NetworkSize, *, batch: int, seed: int, init: str = "kaiming") -> ResNet9:
    """A ResNet-9 with freshly drawn parameters, in float32 on the CPU, channels last.

    ``batch`` decides which route a layer takes. ``init`` is "kaiming" (every convolution keeps the
    variance of its input, He et al. 2015) or "original" (the original study's: torch's defaults).
    """
    generator = torch.Generator().manual_seed(seed)
    prep = nn.Conv2d(3, size.width, 3, padding=1, bias=False)
    if init == "original":
        nn.init.kaiming_uniform_(prep.weight, a=5**0.5, generator=generator)  # nn.Conv2d's default
    else:
        nn.init.kaiming_normal_(prep.weight, nonlinearity="relu", generator=generator)
    replaced = [
        build_conv(layer, input_hw=hw, batch=batch, init=init, generator=generator)
        for layer, hw in zip(size.layers, size.input_hw, strict=True)
    ]
    network = ResNet9(prep, replaced, size)
    nn.init.kaiming_uniform_(network.classifier.weight, a=5**0.5, generator=generator)
    return network.to(memory_format=torch.channels_last)
