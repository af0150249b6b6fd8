"""How long a decomposed layer takes beside the dense convolution it stands for.

    python -m benchmarks.layers            # measures, about five minutes, and writes the results
    python -m benchmarks.layers --rounds 3 # a quick look

Forward and backward of one layer, fp32, batch 128, one thread, in process CPU time. Every round
times every contestant once, and a ratio is taken within its round, so that a busy machine slows
both sides alike; the median over rounds is reported with its quartiles. tensorly-torch's
factorized convolutions stand beside ours at the same ranks.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np
import tensorly
import tltorch
import torch
from torch import Tensor, nn

from trainables.layers.build import build_conv
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.registry import SIZES
from trainables.sizes.spec import ConvSpec

RESULTS = Path(__file__).parents[1] / "results" / "layers.json"
BATCH = 128
CASES = ((128, 16), (512, 4))  # channels, side of the square image in pixels
FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
# The most that tucker2 and tt_conv may take of the dense convolution's time
TARGETS = {128: 0.25, 512: 0.11}


@dataclass(frozen=True)
class Row:
    """One contestant at one shape; time is forward + backward over the dense convolution's."""

    layer: str
    route: str
    channels: int
    side: int
    memory_format: str
    macs_ratio: float
    time_ratio: float
    quartiles: tuple[float, float]
    seconds: float


@dataclass(frozen=True)
class Contestant:
    """A module, and its multiply-adds forward over the dense convolution's."""

    layer: str
    route: str
    module: nn.Module
    macs_ratio: float


def contestants(channels: int, side: int) -> Iterator[Contestant]:
    """The dense one first, then every family at rank C/4 by every route, then tensorly's."""
    spec, rule = ConvSpec(channels, channels), RankRule(rank=channels // 4, dims=3)
    at, generator = {"input_hw": (side, side), "batch": BATCH}, torch.Generator().manual_seed(0)
    dense = SIZES["dense"].size(spec, rule).macs(side, side, BATCH)
    for name, family in SIZES.items():
        size = family.size(spec, rule)
        for route, macs in size.route_macs(side, side, BATCH).items():
            module = build_conv(size, route=route, generator=generator, **at)
            yield Contestant(name, route, module, macs / dense)
    rank = channels // 4
    for name, ours, ranks in (
        ("tucker", "tucker2", (rank, rank, 3, 3)),
        ("tt", "tt_conv", (1, rank, rank, rank, 1)),
    ):
        module = tltorch.FactorizedConv(
            channels,
            channels,
            3,
            order=2,
            padding=1,
            rank=ranks,
            factorization=name,
            implementation="factorized",
        )
        module.weight.normal_(0, 0.02)
        macs = SIZES[ours].size(spec, rule).route_macs(side, side, BATCH)["factorized"]
        yield Contestant(f"tensorly-torch {name}", "factorized", module, macs / dense)


def step_seconds(module: nn.Module, x: Tensor, gradient: Tensor) -> float:
    """Process CPU seconds of one forward and backward, gradients of input and parameters."""
    inputs = [x, *module.parameters()]
    start = time.process_time()
    torch.autograd.grad(module(x), inputs, gradient, allow_unused=True)
    return time.process_time() - start


def measure(channels: int, side: int, memory_format: str, rounds: int) -> list[Row]:
    """All contestants at one shape, interleaved."""
    field = list(contestants(channels, side))
    shape = (BATCH, channels, side, side)
    x, gradient = (
        torch.randn(shape, generator=torch.Generator().manual_seed(seed)).contiguous(
            memory_format=FORMATS[memory_format]
        )
        for seed in (0, 1)
    )
    x.requires_grad_()
    timers = [partial(step_seconds, each.module, x, gradient) for each in field]
    seconds = _interleaved(timers, rounds)
    ratios = seconds / seconds[:, :1]  # (rounds, contestants), the first is the dense one
    return [
        _row(each, channels, side, memory_format, ratios[:, n], seconds[:, n])
        for n, each in enumerate(field)
    ]


def _interleaved(timers: list[Callable[[], float]], rounds: int) -> np.ndarray:
    """Seconds, (rounds, timers); each round in another order, since each warms a cache."""
    generator = np.random.default_rng(0)
    seconds = np.empty((rounds, len(timers)))
    for timer in timers:
        timer()  # torch picks its kernels
    for row in seconds:
        for n in generator.permutation(len(timers)):
            row[n] = timers[n]()
    return seconds


def _row(
    each: Contestant,
    channels: int,
    side: int,
    memory_format: str,
    ratios: np.ndarray,
    seconds: np.ndarray,
) -> Row:
    low, _, high = quantiles(ratios, n=4)
    return Row(
        layer=each.layer,
        route=each.route,
        channels=channels,
        side=side,
        memory_format=memory_format,
        macs_ratio=round(each.macs_ratio, 4),
        time_ratio=round(median(ratios), 4),
        quartiles=(round(low, 4), round(high, 4)),
        seconds=round(median(seconds), 5),
    )


def misses(rows: list[Row]) -> list[str]:
    """Every target that these rows miss, in words."""
    times = {(r.layer, r.channels, r.memory_format): r for r in rows if r.route == "factorized"}
    found = []
    for layer, rival in (("tucker2", "tensorly-torch tucker"), ("tt_conv", "tensorly-torch tt")):
        for channels, side in CASES:
            for memory_format in FORMATS:
                ours = times[layer, channels, memory_format].time_ratio
                theirs = times[rival, channels, memory_format].time_ratio
                where = f"{layer} at {channels} channels {side}x{side}, {memory_format}: {ours}"
                if ours > TARGETS[channels]:
                    found.append(f"{where} of dense, target {TARGETS[channels]}")
                if ours >= theirs:
                    found.append(f"{where} of dense, {rival} {theirs}")
    return found


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": len(names),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "tensorly": tensorly.__version__,
        "tensorly-torch": tltorch.__version__,
    }


def table(rows: list[Row]) -> str:
    """The rows as Markdown, fastest first within each shape."""
    lines = [
        "| layer | route | shape | memory format | multiply-adds | time | quartiles |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda r: (r.channels, r.memory_format, r.time_ratio)):
        low, high = row.quartiles
        lines.append(
            f"| {row.layer} | {row.route} | {row.channels} ch {row.side}² | {row.memory_format} "
            f"| {row.macs_ratio:.3f} | **{row.time_ratio:.3f}** | {low:.3f}–{high:.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure every shape, print the table, write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="measurements of each layer")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [
        row
        for channels, side in CASES
        for memory_format in FORMATS
        for row in measure(channels, side, memory_format, options.rounds)
    ]
    result = {
        "command": f"python -m benchmarks.layers --rounds {options.rounds}",
        "what": "forward + backward, fp32, batch 128, rank C/4; times and multiply-adds over dense",
        "machine": machine(),
        "misses": misses(rows),
        "rows": [asdict(row) for row in rows],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(table(rows))
    print("\n".join(result["misses"]) or "Every target is met.")


if __name__ == "__main__":
    main()
