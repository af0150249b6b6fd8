"""The compiled convolution, BatchNorm, pool and ReLU beside torch's own operations.

    python -m benchmarks.compiled             # measures and writes results/compiled.json
    python -m benchmarks.compiled --rounds 3  # a quick look

Each shape of ResNet-9's eight convolutions, dense and separable, forward and backward, one thread,
process CPU time, in fp32 and, where the processor computes in it, bf16. Every round takes both in
turn and the ratio within it. GFLOP/s count the border's zeros, which the compiled one does not
multiply, and are those of the convolution alone: BatchNorm, pool and ReLU come on top.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.epoch import DTYPES, PRECISION, matmul_peak
from benchmarks.hardware import hardware
from benchmarks.yardsticks.convolutions import shapes
from trainables.architectures.resnet9 import IMAGE_CHANNELS
from trainables.compiled import conv_norm_pool_relu
from trainables.compiled.conv_norm_pool_relu import Kernel
from trainables.training.process import keep_freed_memory

RESULTS = Path(__file__).parent / "results" / "compiled.json"
BATCH = 128
WIDTHS = (8, 64)


def by_torch(x: Tensor, kernel: Kernel, norm: nn.BatchNorm2d, pool: int) -> Tensor:
    """What ``conv_norm_pool_relu.apply`` does, in torch's operations."""
    weight, windows = kernel
    if windows is None:
        y = F.conv2d(x, weight, padding=1)
    else:
        between = F.conv2d(x, windows, padding=1, groups=len(windows))
        y = F.conv2d(between, weight[:, :, None, None])
    y = norm(y)
    return F.relu_(F.max_pool2d(y, pool) if pool > 1 else y)


def draw_kernel(into: int, out: int, *, separable: bool) -> Kernel:
    """Of a layer of ResNet-9, dense or separable."""
    if separable:
        return Kernel(
            torch.randn(out, into, requires_grad=True),
            torch.randn(into, 1, 3, 3, requires_grad=True),
        )
    weight = torch.randn(out, into, 3, 3).to(memory_format=torch.channels_last)
    return Kernel(weight.requires_grad_())


def measure(
    precision: str,
    channels: tuple[int, int],
    sides: tuple[int, int],
    rounds: int,
    *,
    separable: bool = False,
) -> dict[str, Any]:
    """Medians over rounds; the first, in which memory is fetched, is not one of them."""
    (into, out), side, pool = channels, sides[0], sides[0] // sides[1]
    x = torch.randn(BATCH, into, side, side).to(getattr(torch, DTYPES[precision]))
    x = x.to(memory_format=torch.channels_last).requires_grad_(into > IMAGE_CHANNELS)
    kernel = draw_kernel(into, out, separable=separable)
    norm = nn.BatchNorm2d(out)
    passes = 3 if x.requires_grad else 2
    multiplications = into * (9 + out) if separable else 9 * into * out
    flops = passes * 2 * multiplications * side * side * BATCH

    def seconds(function: Callable[..., Tensor]) -> float:
        start = time.process_time()
        y = function(x, kernel, norm, pool)
        y.backward(torch.ones_like(y))
        return time.process_time() - start

    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        if not conv_norm_pool_relu.is_supported(x, norm, pool, separable=separable):
            raise SystemExit(
                "nothing is compiled for this: it needs a C compiler and AVX-512, and in bf16 a "
                "processor without AMX"
            )
        both = [(seconds(conv_norm_pool_relu.apply), seconds(by_torch)) for _ in range(rounds + 1)]
    ratios = sorted(torchs / ours for ours, torchs in both[1:])
    return {
        "convolution": "separable" if separable else "dense",
        "channels": [into, out],
        "side": side,
        "pool": pool,
        "gflops": round(flops / median(ours for ours, _ in both[1:]) / 1e9, 1),
        "times_torchs_speed": round(median(ratios), 2),
        "range": [round(ratios[0], 2), round(ratios[-1], 2)],
    }


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    keep_freed_memory()
    cases = [
        {
            "precision": precision,
            "width": width,
            "matmul_peak_gflops": round(matmul_peak(DTYPES[precision], 9) / 1e9, 1),
            "layers": [
                measure(precision, *one, rounds, separable=separable)
                for separable in (False, True)
                for one in dict.fromkeys(shapes(width)[separable:])  # the first is always dense
            ],
        }
        for precision in dict.fromkeys(("fp32", PRECISION))
        for width in WIDTHS
    ]
    result = {
        "command": f"python -m benchmarks.compiled --rounds {rounds}",
        "what": f"forward and backward, batch {BATCH}, one thread; medians over rounds, in turns",
        "machine": hardware(),
        "cases": cases,
    }
    RESULTS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(result, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
