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
LANES, WINDOW = 16, 9  # separable.h
CHUNK_BYTES = (
    1024  # of a channel, over that many images; with fewer, the kernel's gradient is reloaded often
)


class Kernel(NamedTuple):
    """Of a 3×3 convolution, or of a depthwise one and the pointwise one after it.

    weight: (C, I, 3, 3); (C, I), the pointwise matrix, where there are windows.
    windows: (I, 1, 3, 3) of the depthwise convolution, or None.
    """

    weight: Tensor
    windows: Tensor | None = None


class Convolution(NamedTuple):
    """The convolution before BatchNorm; the structure of the same name in conv.h."""

    in_channels: int
    chunk: int
    kernel: Tensor | None
    windows: Tensor | None


class Scratch(NamedTuple):
    """Memory for intermediate values; the structure in conv_norm_pool_relu.c."""

    taps: Tensor
    padded_images: Tensor | None = None
    grad_taps: Tensor | None = None
    pairs: Tensor | None = None
    conv_chunk: Tensor | None = None
    windows: Tensor | None = None
    grad_windows: Tensor | None = None
    bordered: Tensor | None = None
    between: Tensor | None = None


def is_supported(x: Tensor, norm: nn.Module, pool: int, *, separable: bool = False) -> bool:
    """Whether ``apply`` supports these arguments, with a kernel that has windows or has none."""
    dtype = _compute_dtype(x)
    if dtype not in FUNCTIONS or not (HAS_LANES and is_plain(x, norm, pool)):
        return False
    if dtype == torch.bfloat16 and HAS_MATRICES:
        return False
    images, in_channels, height, width = x.shape
    if in_channels == IMAGE_CHANNELS and x.requires_grad and norm.training:
        return False  # the gradient with respect to these is not computed
    if separable and (in_channels == IMAGE_CHANNELS or norm.num_features % LANES):
        return False
    if not FUNCTIONS[dtype].is_available(x):
        return False
    shape = Shape(images, height, width, norm.num_features, pool)
    convolution = Convolution(in_channels, 1, None, None)
    return bool(FUNCTIONS[dtype].call("is_supported", shape, convolution))


def apply(x: Tensor, kernel: Kernel, norm: nn.BatchNorm2d, pool: int) -> Tensor:
    """(B, I, H, W), kernel to C channels → (B, C, H/pool, W/pool).

    The convolution is padded by a pixel of zeros and has stride 1. In training the running
    statistics are updated. Under autocast the result is bf16, else x's format; parameters and their
    gradients are fp32 in both.
    """
    x = x.to(_compute_dtype(x))
    weight, windows = kernel.weight.float(), kernel.windows
    windows = None if windows is None else windows.float()
    if norm.training:
        return _ConvNormPoolReLU.apply(x, weight, windows, norm.weight, norm.bias, norm, pool)
    return _evaluate(x, Kernel(weight, windows), norm, pool)


def _evaluate(images: Tensor, kernel: Kernel, norm: nn.BatchNorm2d, pool: int) -> Tensor:
    batch, in_channels, height, width = images.shape
    shape = Shape(batch, height, width, len(kernel.weight), pool)
    chunk = min(batch, _largest_chunk(images))
    convolution = Convolution(in_channels, chunk, *_in_c_order(*kernel))
    scratch = _forward_scratch(shape, convolution, images)._replace(
        conv_chunk=images.new_empty(convolution.chunk * height * width * shape.channels)
    )
    y = empty_output(shape, images.dtype)
    FUNCTIONS[images.dtype].call(
        "evaluate", shape, convolution, evaluation_norm(norm), scratch, images, y
    )
    return y


def _in_c_order(kernel: Tensor, windows: Tensor | None) -> Kernel:
    """As conv.h reads them."""
    if windows is None:
        return Kernel(kernel.contiguous(memory_format=torch.channels_last))
    return Kernel(kernel.contiguous(), windows.contiguous())


def _compute_dtype(x: Tensor) -> torch.dtype:
    """The number format in which a convolution of x is computed and returned."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


class _ConvNormPoolReLU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        kernel: Tensor,
        windows: Tensor | None,
        weight: Tensor,
        bias: Tensor,
        norm: nn.BatchNorm2d,
        pool: int,
    ) -> Tensor:
        batch, in_channels, height, width = images.shape
        kernel, windows = _in_c_order(kernel, windows)
        size = batch, len(weight), height, width
        x = torch.empty(size, dtype=images.dtype, memory_format=torch.channels_last)
        y, pooled = empty_results(x, pool)
        batch_stats = torch.empty(2, len(weight))
        shape = Shape.of(x, pool)
        convolution = Convolution(in_channels, _chunk(images), kernel, windows)
        update_batch_count(norm)
        FUNCTIONS[images.dtype].call(
            "forward",
            *(shape, convolution, training_norm(norm, batch_stats)),
            *(_forward_scratch(shape, convolution, images), images, x, y, pooled),
        )
        ctx.save_for_backward(images, kernel, windows, x, pooled, weight, bias, batch_stats)
        ctx.shape = shape
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        images, kernel, windows, x, pooled, weight, bias, batch_stats = ctx.saved_tensors
        grad_images = torch.empty_like(images) if ctx.needs_input_grad[0] else None
        grad_windows = None if windows is None else torch.empty_like(windows)
        grad_kernel, grad_weight, grad_bias = map(torch.empty_like, (kernel, weight, bias))
        convolution = Convolution(images.shape[1], _chunk(images), kernel, windows)
        FUNCTIONS[images.dtype].call(
            "backward",
            *(ctx.shape, convolution, backward_norm(weight, bias, batch_stats)),
            _backward_scratch(ctx.shape, convolution, images),
            *(gradient.contiguous(memory_format=torch.channels_last), pooled, x, images),
            *(grad_weight, grad_bias, grad_kernel, grad_windows, grad_images),
        )
        return grad_images, grad_kernel, grad_windows, grad_weight, grad_bias, None, None


def _chunk(images: Tensor) -> int:
    """How many images are processed at a time in training: a divisor of the batch."""
    return math.gcd(len(images), _largest_chunk(images))


def _largest_chunk(images: Tensor) -> int:
    pixels = images.shape[2] * images.shape[3]
    return max(1, CHUNK_BYTES // (pixels * images.element_size()))


def _forward_scratch(shape: Shape, convolution: Convolution, images: Tensor) -> Scratch:
    channels = convolution.in_channels
    pixels = convolution.chunk * shape.height * shape.width
    pads = channels == IMAGE_CHANNELS
    scratch = Scratch(
        taps=images.new_empty(WINDOW * shape.channels * max(channels, PADDED_CHANNELS)),
        padded_images=images.new_empty(pixels * PADDED_CHANNELS) if pads else None,
    )
    if convolution.windows is None:
        return scratch
    lanes = WINDOW * max(channels, LANES)
    return scratch._replace(
        windows=torch.empty(2 * lanes),  # as they are, and turned
        grad_windows=torch.empty(lanes),
        bordered=torch.empty((shape.height + 2) * (shape.width + 2) * channels),
        between=images.new_empty(2 * pixels * channels),  # it and its gradient
    )


def _backward_scratch(shape: Shape, convolution: Convolution, images: Tensor) -> Scratch:
    in_channels = max(convolution.in_channels, PADDED_CHANNELS)
    rows = convolution.chunk * shape.height
    pairs = rows * (shape.width * in_channels + 2 * (shape.width + 1) * shape.channels)
    return _forward_scratch(shape, convolution, images)._replace(
        grad_taps=torch.empty(WINDOW * shape.channels * in_channels),
        pairs=images.new_empty(pairs) if images.dtype == torch.bfloat16 else None,
        conv_chunk=images.new_empty(rows * shape.width * shape.channels),
    )
