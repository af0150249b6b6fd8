"""A 3×3 convolution, BatchNorm, max-pool and ReLU in one, as ``norm_pool_relu``.

torch's convolution is far from a CPU's speed, most of all where there are few channels, and leaves
its output and the gradient of it in memory that no cache holds, for BatchNorm to fetch.
``conv_norm_pool_relu.c`` takes a few images at a time (docs/decisions/compiled.md).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from trainables.compiled.compiler import in_each_format
from trainables.compiled.norm_pool_relu import counted, empty_results, is_plain
from trainables.compiled.precision import read_cpu_flags

FUNCTIONS = in_each_format(Path(__file__).with_suffix(".c"))
LANES = 16  # floats in the vectors that it is written for
HAS_LANES = "avx512f" in read_cpu_flags()
HAS_MATRICES = "amx_bf16" in read_cpu_flags()  # torch's bf16 convolutions multiply with those
IMAGE_CHANNELS = 3
MOST_CHANNELS = 1024  # as in conv.h
BYTES_AT_ONCE = 1024  # of a channel, in as many images: or the kernel's gradient is fetched often


def fits(x: Tensor, norm: nn.Module, pool: int) -> bool:
    """Whether ``run`` takes these."""
    dtype = _format(x)
    if dtype not in FUNCTIONS or not (HAS_LANES and is_plain(x, norm, pool)):
        return False
    if dtype == torch.bfloat16 and HAS_MATRICES:
        return False
    _, into, height, width = x.shape
    tiles = width % LANES == 0 or (width in (4, 8) and height * width % LANES == 0)
    images = into == IMAGE_CHANNELS and not x.requires_grad  # and there is no gradient to give
    channels = (images or _fill_vectors(into)) and _fill_vectors(norm.num_features)
    return tiles and channels and FUNCTIONS[dtype].serves(x)


def run(x: Tensor, kernel: Tensor, norm: nn.BatchNorm2d, pool: int) -> Tensor:
    """(B, I, H, W), (C, I, 3, 3) → (B, C, H/pool, W/pool); updates the running statistics.

    The convolution is padded by a pixel of zeros and has stride 1. Under autocast the result is
    bf16, else x's format; parameters and their gradients are fp32 in both.
    """
    x, kernel = x.to(_format(x)), kernel.float()
    return _ConvNormPoolReLU.apply(x, kernel, norm.weight, norm.bias, norm, pool)


def _format(x: Tensor) -> torch.dtype:
    """What a convolution of x is computed in and given as."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


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
        shape = batch, out, height, width
        x = torch.empty(shape, dtype=images.dtype, memory_format=torch.channels_last)
        y, picked = empty_results(x, pool)
        moments = torch.empty(2, out)
        few = _few(images)
        FUNCTIONS[images.dtype].call(
            "forward",
            *(images, batch, few, height, width, channels, kernel, out, pool, weight, bias),
            *(*counted(norm), _room_for_taps(kernel), _room_for_padded(images, few)),
            *(moments, x, y, picked),
        )
        ctx.save_for_backward(images, kernel, x, picked, weight, bias, moments)
        ctx.pool = pool
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        images, kernel, x, picked, weight, bias, moments = ctx.saved_tensors
        batch, channels, height, width = images.shape
        dimages = torch.empty_like(images) if ctx.needs_input_grad[0] else None
        dkernel, dweight, dbias = map(torch.empty_like, (kernel, weight, bias))
        few = _few(images)
        FUNCTIONS[images.dtype].call(
            "backward",
            *(gradient.contiguous(memory_format=torch.channels_last), picked, x, images),
            *(batch, few, height, width, channels, kernel, len(weight), ctx.pool),
            *(weight, bias, moments, _room_for_taps(kernel), _room_for_taps(kernel)),
            *(_room_for_padded(images, few), _room_for_pairs(images, few, len(weight))),
            torch.empty(few * height * width, len(weight), dtype=images.dtype),
            *(dweight, dbias, dkernel, dimages),
        )
        return dimages, dkernel, dweight, dbias, None, None


def _fill_vectors(channels: int) -> bool:
    return channels == LANES // 2 or (channels % LANES == 0 and channels <= MOST_CHANNELS)


def _few(images: Tensor) -> int:
    """How many images are taken at a time: a divisor of the batch."""
    batch, _, height, width = images.shape
    return math.gcd(batch, max(1, BYTES_AT_ONCE // (height * width * images.element_size())))


def _room_for_taps(kernel: Tensor) -> Tensor:
    out, channels, *_ = kernel.shape
    return torch.empty(9 * out * max(channels, 4))


def _room_for_padded(images: Tensor, few: int) -> Tensor | None:
    """For the fourth channel that those of three get."""
    _, channels, height, width = images.shape
    if channels != IMAGE_CHANNELS:
        return None
    return torch.empty(few * height * width * 4, dtype=images.dtype)


def _room_for_pairs(images: Tensor, few: int, out: int) -> Tensor | None:
    """For pixels beside each other, of the images and of the gradient with its border."""
    _, channels, height, width = images.shape
    if images.dtype == torch.float32:
        return None
    values = few * height * (width * max(channels, 4) + 2 * (width + 1) * out)
    return torch.empty(values, dtype=images.dtype)
