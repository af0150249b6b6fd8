"""BatchNorm, max-pool and ReLU in one, for training on one thread of a CPU.

As torch's own operations each is a pass or several over memory, together two fifths of a step at
width 8. ``norm_pool_relu.c`` takes two passes there and two back. It is compiled when it is first
used, once a machine; where there is no C compiler, or on anything but fp32 on one thread, torch's
operations do the same (docs/decisions/norm-pool-relu.md).
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from trainables.precision import read_cpu_flags
from trainables.user_cache import user_cache

SOURCE = Path(__file__).with_suffix(".c")
COMPILE = (
    *("cc", "-O3", "-march=native", "-fopenmp-simd", "-ffp-contract=fast", "-fno-math-errno"),
    *("-fno-trapping-math", "-fassociative-math", "-fno-signed-zeros", "-shared", "-fPIC"),
)
"""Not ``-ffast-math``: a NaN must stay one, and torch's rounding be left as it is."""
COMPILE_SECONDS = 120

log = logging.getLogger(__name__)


def fits(x: Tensor, norm: nn.Module, pool: int) -> bool:
    """Whether ``norm_pool_relu`` takes these: see above."""
    return (
        type(norm) is nn.BatchNorm2d
        and norm.training
        and isinstance(norm.momentum, float)
        and torch.is_grad_enabled()
        and x.dtype == torch.float32
        and x.device.type == "cpu"
        and x.is_contiguous(memory_format=torch.channels_last)
        and not any(side % pool for side in x.shape[2:])
        and pool in (1, 2)
        and torch.get_num_threads() == 1
        and not torch.compiler.is_compiling()
        and library() is not None
    )


def norm_pool_relu(x: Tensor, norm: nn.BatchNorm2d, pool: int) -> Tensor:
    """(B, C, H, W) → (B, C, H/pool, W/pool); updates the running statistics, as ``norm`` would."""
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    running = norm.running_mean, norm.running_var
    return _NormPoolReLU.apply(x, norm.weight, norm.bias, *running, norm.momentum, norm.eps, pool)


class _NormPoolReLU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        running_mean: Tensor,
        running_variance: Tensor,
        momentum: float,
        eps: float,
        pool: int,
    ) -> Tensor:
        batch, channels, height, width = x.shape
        shape = batch, channels, height // pool, width // pool
        y = torch.empty(shape, memory_format=torch.channels_last)
        picked = x if pool == 1 else torch.empty_like(y)
        mean, inverse = torch.empty_like(weight), torch.empty_like(weight)
        _call(
            "forward",
            *(x, batch * height, width, channels, pool, weight, bias),
            *(running_mean, running_variance, momentum, eps, mean, inverse, y, picked),
        )
        ctx.save_for_backward(x, y, picked, weight, mean, inverse)
        ctx.pool = pool
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, y, picked, weight, mean, inverse = ctx.saved_tensors
        batch, channels, height, width = x.shape
        dx, dweight, dbias = (torch.empty_like(one) for one in (x, weight, weight))
        _call(
            "backward",
            *(gradient.contiguous(memory_format=torch.channels_last), y, picked, x),
            *(batch * height, width, channels, ctx.pool, weight, mean, inverse),
            *(dx, dweight, dbias),
        )
        return dx, dweight, dbias, None, None, None, None, None


def _call(name: str, *arguments: Tensor | float) -> None:
    as_c: dict[type, Any] = {int: ctypes.c_long, float: ctypes.c_double}
    getattr(library(), name)(
        *(
            ctypes.c_void_p(one.data_ptr()) if isinstance(one, Tensor) else as_c[type(one)](one)
            for one in arguments
        )
    )


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled functions, from the user's cache if they are there; None where that fails."""
    machine = [platform.machine(), *sorted(read_cpu_flags())]  # a cache may be shared by several
    made_of = repr((SOURCE.read_bytes(), COMPILE, machine))
    digest = hashlib.blake2b(made_of.encode(), digest_size=16).hexdigest()
    try:
        path = user_cache() / "compiled" / f"{SOURCE.stem}-{digest}.so"
        if not path.is_file():
            _compile(path)
        return ctypes.CDLL(str(path))
    except (OSError, RuntimeError, subprocess.SubprocessError) as problem:  # or there is no home
        reason = getattr(problem, "stderr", None) or problem
        log.warning("BatchNorm, pool and ReLU are not compiled, and slower: %s", reason)
        return None


def _compile(path: Path) -> None:
    """Whole or not at all: several workers may compile it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    os.close(handle)
    try:
        command = [*COMPILE, str(SOURCE), "-o", name, "-lm"]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=COMPILE_SECONDS)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
