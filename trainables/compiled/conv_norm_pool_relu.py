"""A fused 3×3 convolution, BatchNorm, max-pool and ReLU; see also ``norm_pool_relu``.

torch's convolution reaches a small part of a CPU's speed, most of all with few channels. It writes
its output and gradient to main memory, from which BatchNorm has to read them.
``conv_norm_pool_relu.c`` processes a few images at a time (docs/decisions/compiled.md).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from trainables.compiled.compiler import compile_per_dtype
from trainables.compiled.norm_pool_relu import (
    Shape,
    backward_norm,
    empty_output,
    empty_results,
    evaluation_norm,
    is_plain,
    training_norm,
    update_batch_count,
)
from trainables.compiled.precision import read_cpu_flags

FUNCTIONS = compile_per_dtype(Path(__file__).with_suffix(".c"))
HAS_LANES = "avx512f" in read_cpu_flags()  # the vector instructions that the C code uses
HAS_MATRICES = "amx_bf16" in read_cpu_flags()  # torch's bf16 convolutions use these instructions
IMAGE_CHANNELS, PADDED_CHANNELS = 3, 4
CHUNK_BYTES = (
    1024  # of a channel, over that many images; with fewer, the kernel's gradient is reloaded often
)


class Convolution(NamedTuple):
    """The convolution before BatchNorm; the structure of the same name in conv.h."""

    in_channels: int
    chunk: int
    kernel: Tensor | None


class Scratch(NamedTuple):
    """Memory for intermediate values; the structure in conv_norm_pool_relu.c."""

    taps: Tensor
    padded_images: Tensor | None
    grad_taps: Tensor | None
    pairs: Tensor | None
    conv_chunk: Tensor | None


def is_supported(x: Tensor, norm: nn.Module, pool: int) -> bool:
    """Whether ``apply`` supports these arguments."""
    dtype = _compute_dtype(x)
    if dtype not in FUNCTIONS or not (HAS_LANES and is_plain(x, norm, pool)):
        return False
    if dtype == torch.bfloat16 and HAS_MATRICES:
        return False
    images, in_channels, height, width = x.shape
    if in_channels == IMAGE_CHANNELS and x.requires_grad and norm.training:
        return False  # the gradient with respect to these is not computed
    if not FUNCTIONS[dtype].is_available(x):
        return False
    shape = Shape(images, height, width, norm.num_features, pool)
    convolution = Convolution(in_channels, chunk=1, kernel=None)
    return bool(FUNCTIONS[dtype].call("is_supported", shape, convolution))


def apply(x: Tensor, kernel: Tensor, norm: nn.BatchNorm2d, pool: int) -> Tensor:
    """(B, I, H, W), (C, I, 3, 3) → (B, C, H/pool, W/pool).

    The convolution is padded by a pixel of zeros and has stride 1. In training the running
    statistics are updated. Under autocast the result is bf16, else x's format; parameters and their
    gradients are fp32 in both.
    """
    x, kernel = x.to(_compute_dtype(x)), kernel.float()
    if norm.training:
        return _ConvNormPoolReLU.apply(x, kernel, norm.weight, norm.bias, norm, pool)
    return _evaluate(x, kernel, norm, pool)


def _evaluate(images: Tensor, kernel: Tensor, norm: nn.BatchNorm2d, pool: int) -> Tensor:
    batch, in_channels, height, width = images.shape
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    shape = Shape(batch, height, width, len(kernel), pool)
    convolution = Convolution(in_channels, min(batch, _largest_chunk(images)), kernel)
    scratch = _forward_scratch(shape, convolution, images)._replace(
        conv_chunk=images.new_empty(convolution.chunk * height * width * len(kernel))
    )
    y = empty_output(shape, images.dtype)
    FUNCTIONS[images.dtype].call(
        "evaluate", shape, convolution, evaluation_norm(norm), scratch, images, y
    )
    return y


def _compute_dtype(x: Tensor) -> torch.dtype:
    """The number format in which a convolution of x is computed and returned."""
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
        batch, in_channels, height, width = images.shape
        kernel = kernel.contiguous(memory_format=torch.channels_last)
        size = batch, len(weight), height, width
        x = torch.empty(size, dtype=images.dtype, memory_format=torch.channels_last)
        y, pooled = empty_results(x, pool)
        batch_stats = torch.empty(2, len(weight))
        shape = Shape.of(x, pool)
        convolution = Convolution(in_channels, _chunk(images), kernel)
        update_batch_count(norm)
        FUNCTIONS[images.dtype].call(
            "forward",
            *(shape, convolution, training_norm(norm, batch_stats)),
            *(_forward_scratch(shape, convolution, images), images, x, y, pooled),
        )
        ctx.save_for_backward(images, kernel, x, pooled, weight, bias, batch_stats)
        ctx.shape = shape
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        images, kernel, x, pooled, weight, bias, batch_stats = ctx.saved_tensors
        grad_images = torch.empty_like(images) if ctx.needs_input_grad[0] else None
        grad_kernel, grad_weight, grad_bias = map(torch.empty_like, (kernel, weight, bias))
        convolution = Convolution(images.shape[1], _chunk(images), kernel)
        FUNCTIONS[images.dtype].call(
            "backward",
            *(ctx.shape, convolution, backward_norm(weight, bias, batch_stats)),
            _backward_scratch(ctx.shape, convolution, images),
            *(gradient.contiguous(memory_format=torch.channels_last), pooled, x, images),
            *(grad_weight, grad_bias, grad_kernel, grad_images),
        )
        return grad_images, grad_kernel, grad_weight, grad_bias, None, None


def _chunk(images: Tensor) -> int:
    """How many images are processed at a time in training: a divisor of the batch."""
    return math.gcd(len(images), _largest_chunk(images))


def _largest_chunk(images: Tensor) -> int:
    pixels = images.shape[2] * images.shape[3]
    return max(1, CHUNK_BYTES // (pixels * images.element_size()))


def _forward_scratch(shape: Shape, convolution: Convolution, images: Tensor) -> Scratch:
    in_channels = max(convolution.in_channels, PADDED_CHANNELS)
    pixels = convolution.chunk * shape.height * shape.width
    pads = convolution.in_channels == IMAGE_CHANNELS
    return Scratch(
        taps=images.new_empty(9 * shape.channels * in_channels),
        padded_images=images.new_empty(pixels * PADDED_CHANNELS) if pads else None,
        grad_taps=None,
        pairs=None,
        conv_chunk=None,
    )


def _backward_scratch(shape: Shape, convolution: Convolution, images: Tensor) -> Scratch:
    in_channels = max(convolution.in_channels, PADDED_CHANNELS)
    rows = convolution.chunk * shape.height
    pairs = rows * (shape.width * in_channels + 2 * (shape.width + 1) * shape.channels)
    return _forward_scratch(shape, convolution, images)._replace(
        grad_taps=torch.empty(9 * shape.channels * in_channels),
        pairs=images.new_empty(pairs) if images.dtype == torch.bfloat16 else None,
        conv_chunk=images.new_empty(rows * shape.width * shape.channels),
    )
