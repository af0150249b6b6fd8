"""A 3×3 convolution of few channels, BatchNorm, max-pool and ReLU in one, as ``norm_pool_relu``.

torch's convolution is far from a CPU's speed where there are few channels: 8 of them fill half a
vector. And it leaves its output and the gradient of it in memory that no cache holds, for BatchNorm
to fetch. ``conv_norm_pool_relu.c`` takes an image at a time (docs/decisions/compiled.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from trainables.compiled.compiler import Compiled
from trainables.compiled.norm_pool_relu import counted, empty_results, is_plain_fp32
from trainables.precision import read_cpu_flags

FUNCTIONS = Compiled(Path(__file__).with_suffix(".c"))
LANES = 16  # floats in the vectors that it is written for
HAS_LANES = "avx512f" in read_cpu_flags()
IMAGE_CHANNELS = 3


def fits(x: Tensor, norm: nn.Module, pool: int) -> bool:
    """Whether ``run`` takes these, and is faster than torch."""
    if not (HAS_LANES and is_plain_fp32(x, norm, pool)) or torch.is_autocast_enabled("cpu"):
        return False
    into, out, wide = x.shape[1], norm.num_features, x.shape[3] % LANES == 0
    if into == IMAGE_CHANNELS:  # prep, which has no gradient to give
        few = not x.requires_grad and (out == 8 or out % LANES == 0)
    else:
        few = into in (8, 16) and out in (8, 16, 32)
    return few and wide and FUNCTIONS.serves(x)


def run(x: Tensor, kernel: Tensor, norm: nn.BatchNorm2d, pool: int) -> Tensor:
    """(B, I, H, W), (C, I, 3, 3) → (B, C, H/pool, W/pool); updates the running statistics.

    The convolution is padded by a pixel of zeros and has stride 1.
    """
    return _ConvNormPoolReLU.apply(x, kernel, norm.weight, norm.bias, norm, pool)


class _ConvNormPoolReLU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        kernel: Tensor,
        weight: Tensor,
        bias: Tensor,
        norm: nn.BatchNorm2d,
        pool: int,
    ) -> Tensor:
        batch, channels, height, width = images.shape
        out = len(weight)
        kernel = kernel.contiguous(memory_format=torch.channels_last)
        x = torch.empty((batch, out, height, width), memory_format=torch.channels_last)
        y, picked = empty_results(x, pool)
        mean, inverse = torch.empty_like(weight), torch.empty_like(weight)
        FUNCTIONS.call(
            "forward",
            *(images, batch, height, width, channels, kernel, out, pool, weight, bias),
            *(*counted(norm), _bordered(images), mean, inverse, x, y, picked),
        )
        ctx.save_for_backward(images, kernel, x, picked, weight, bias, mean, inverse)
        ctx.pool = pool
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        images, kernel, x, picked, weight, bias, mean, inverse = ctx.saved_tensors
        batch, channels, height, width = images.shape
        dimages = torch.empty_like(images) if ctx.needs_input_grad[0] else None
        dkernel, dweight, dbias = map(torch.empty_like, (kernel, weight, bias))
        FUNCTIONS.call(
            "backward",
            *(gradient.contiguous(memory_format=torch.channels_last), picked, x, images),
            *(batch, height, width, channels, kernel, len(weight), ctx.pool),
            *(weight, bias, mean, inverse, _bordered(images), _bordered(x)),
            *(dweight, dbias, dkernel, dimages),
        )
        return dimages, dkernel, dweight, dbias, None, None


def _bordered(images: Tensor) -> Tensor:
    """Zeros for one of these images with a pixel around it; three channels become four."""
    _, channels, height, width = images.shape
    return torch.zeros(height + 2, width + 2, max(channels, 4))
