"""Fused BatchNorm, max-pool and ReLU, on one thread of a CPU.

As torch's operations each takes one or several passes over memory, together two fifths of a step at
width 8. ``norm_pool_relu.c`` takes two passes forward, two backward, and one in evaluation, in fp32
and bf16. Where it cannot be used, torch's operations compute the same
(docs/decisions/compiled.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from trainables.compiled.compiler import compile_per_dtype

FUNCTIONS = compile_per_dtype(Path(__file__).with_suffix(".c"))


class Shape(NamedTuple):
    """BatchNorm's input (images, channels, height, width), and the pool's window: norm.h."""

    images: int
    height: int
    width: int
    channels: int
    pool: int

    @classmethod
    def of(cls, x: Tensor, pool: int) -> Shape:
        """Of BatchNorm's input."""
        images, channels, height, width = x.shape
        return cls(images, height, width, channels, pool)


class BatchNorm(NamedTuple):
    """Parameters, running statistics and those of the batch, (channels) each: norm.h."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor | None
    running_var: Tensor | None
    mean: Tensor | None
    inverse_std: Tensor | None
    momentum: float
    eps: float


def is_supported(x: Tensor, norm: nn.Module, pool: int) -> bool:
    """Whether ``apply`` can use the C function on these arguments."""
    return is_plain(x, norm, pool) and x.dtype in FUNCTIONS and FUNCTIONS[x.dtype].is_available(x)


def is_plain(x: Tensor, norm: nn.Module, pool: int) -> bool:
    """Whether norm and pool have the supported settings, and x is channels last.

    In training gradients must be needed, and in evaluation not: the C code has no gradient there.
    """
    return (
        type(norm) is nn.BatchNorm2d
        and norm.affine
        and norm.track_running_stats
        and norm.weight.dtype == torch.float32
        and norm.training == torch.is_grad_enabled()
        and (isinstance(norm.momentum, float) or not norm.training)
        and x.is_contiguous(memory_format=torch.channels_last)
        and not any(side % pool for side in x.shape[2:])
        and pool in (1, 2)
    )


def apply(x: Tensor, norm: nn.BatchNorm2d, pool: int) -> Tensor:
    """(B, C, H, W) → (B, C, H/pool, W/pool).

    In training it updates the running statistics, as ``norm`` would.
    """
    if norm.training:
        return _NormPoolReLU.apply(x, norm.weight, norm.bias, norm, pool)
    shape = Shape.of(x, pool)
    y = empty_output(shape, x.dtype)
    FUNCTIONS[x.dtype].call("evaluate", shape, evaluation_norm(norm), x, y)
    return y


def update_batch_count(norm: nn.BatchNorm2d) -> None:
    """Increments the number of batches, as ``norm`` would."""
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)


def training_norm(norm: nn.BatchNorm2d, batch_stats: Tensor) -> BatchNorm:
    """For the forward pass; batch_stats: (2, C), for the batch's mean and 1/deviation."""
    assert isinstance(norm.momentum, float)
    return BatchNorm(
        *(norm.weight, norm.bias, norm.running_mean, norm.running_var),
        *(*batch_stats.unbind(), norm.momentum, norm.eps),
    )


def backward_norm(weight: Tensor, bias: Tensor, batch_stats: Tensor) -> BatchNorm:
    """For the backward pass, which does not use running statistics."""
    mean, inverse_std = batch_stats.unbind()
    return BatchNorm(weight, bias, None, None, mean, inverse_std, momentum=0.0, eps=0.0)


def evaluation_norm(norm: nn.BatchNorm2d) -> BatchNorm:
    """For evaluation, which does not use the batch's statistics."""
    running = norm.running_mean, norm.running_var
    return BatchNorm(norm.weight, norm.bias, *running, None, None, momentum=0.0, eps=norm.eps)


def empty_output(shape: Shape, dtype: torch.dtype) -> Tensor:
    """Memory for the ReLU's output."""
    height, width = shape.height // shape.pool, shape.width // shape.pool
    size = shape.images, shape.channels, height, width
    return torch.empty(size, dtype=dtype, memory_format=torch.channels_last)


def empty_results(x: Tensor, pool: int) -> tuple[Tensor, Tensor]:
    """Memory for the ReLU's output, and for the values of x that the pool selects (norm.h)."""
    y = empty_output(Shape.of(x, pool), x.dtype)
    return y, x if pool == 1 else torch.empty_like(y)


class _NormPoolReLU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        norm: nn.BatchNorm2d,
        pool: int,
    ) -> Tensor:
        shape = Shape.of(x, pool)
        y, pooled = empty_results(x, pool)
        batch_stats = torch.empty(2, shape.channels)
        update_batch_count(norm)
        FUNCTIONS[x.dtype].call("forward", shape, training_norm(norm, batch_stats), x, y, pooled)
        ctx.save_for_backward(x, pooled, weight, bias, batch_stats)
        ctx.shape = shape
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, pooled, weight, bias, batch_stats = ctx.saved_tensors
        grad_x, grad_weight, grad_bias = (
            torch.empty_like(tensor) for tensor in (x, weight, weight)
        )
        FUNCTIONS[x.dtype].call(
            "backward",
            *(ctx.shape, backward_norm(weight, bias, batch_stats)),
            *(gradient.contiguous(memory_format=torch.channels_last), pooled, x),
            *(grad_x, grad_weight, grad_bias),
        )
        return grad_x, grad_weight, grad_bias, None, None
