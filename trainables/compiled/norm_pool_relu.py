"""BatchNorm, max-pool and ReLU in one, for training on one thread of a CPU.

As torch's own operations each is a pass or several over memory, together two fifths of a step at
width 8. ``norm_pool_relu.c`` takes two passes there and two back, in fp32 and bf16. Where it does
not serve torch's operations do the same (docs/decisions/compiled.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from trainables.compiled.compiler import in_each_format

FUNCTIONS = in_each_format(Path(__file__).with_suffix(".c"))


def fits(x: Tensor, norm: nn.Module, pool: int) -> bool:
    """Whether ``run`` takes these: see above."""
    return is_plain(x, norm, pool) and x.dtype in FUNCTIONS and FUNCTIONS[x.dtype].serves(x)


def is_plain(x: Tensor, norm: nn.Module, pool: int) -> bool:
    """Whether this is training, channels last, and the norm and pool are as usual."""
    return (
        type(norm) is nn.BatchNorm2d
        and norm.weight.dtype == torch.float32
        and norm.training
        and isinstance(norm.momentum, float)
        and torch.is_grad_enabled()
        and x.is_contiguous(memory_format=torch.channels_last)
        and not any(side % pool for side in x.shape[2:])
        and pool in (1, 2)
    )


def run(x: Tensor, norm: nn.BatchNorm2d, pool: int) -> Tensor:
    """(B, C, H, W) → (B, C, H/pool, W/pool); updates the running statistics, as ``norm`` would."""
    return _NormPoolReLU.apply(x, norm.weight, norm.bias, norm, pool)


def counted(norm: nn.BatchNorm2d) -> tuple[Tensor | float | None, ...]:
    """Running statistics, momentum and eps, for a batch that is counted herewith."""
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    return norm.running_mean, norm.running_var, norm.momentum, norm.eps


def empty_results(x: Tensor, pool: int) -> tuple[Tensor, Tensor]:
    """Memory for what comes of x, and for the values of x that it was made of (norm.h)."""
    batch, channels, height, width = x.shape
    shape = batch, channels, height // pool, width // pool
    y = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
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
        batch, channels, height, width = x.shape
        y, picked = empty_results(x, pool)
        moments = torch.empty(2, channels)
        FUNCTIONS[x.dtype].call(
            "forward",
            *(x, batch * height, width, channels, pool, weight, bias),
            *(*counted(norm), moments, y, picked),
        )
        ctx.save_for_backward(x, picked, weight, bias, moments)
        ctx.pool = pool
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, picked, weight, bias, moments = ctx.saved_tensors
        batch, channels, height, width = x.shape
        dx, dweight, dbias = (torch.empty_like(one) for one in (x, weight, weight))
        FUNCTIONS[x.dtype].call(
            "backward",
            *(gradient.contiguous(memory_format=torch.channels_last), picked, x),
            *(batch * height, width, channels, ctx.pool, weight, bias, moments),
            *(dx, dweight, dbias),
        )
        return dx, dweight, dbias, None, None
