"""Images per core-second of an epoch beside two other ways of training the same network.

    python -m benchmarks.epoch                # measures and writes results/epoch.json
    python -m benchmarks.epoch --rounds 3     # a quick look

One thread, process CPU time, data included; RankTune in the precision that it picks by itself, the
others in fp32. Every round starts each contestant in a process of its own, since a process keeps
the speed that the memory it was given allows, and runs each of them once; a ratio is taken within
its round, so that a busy machine slows all sides alike, and so is the share of the matmul peak.
Images are noise: nothing here depends on what they show.

Beside each ratio stands what it would be if RankTune did nothing but torch's own convolutions, in
that precision: no loop around torch could reach more. Then what it would be if BatchNorm, pool and
ReLU were only the passes over memory that they cannot do without (yardsticks/convolutions.py).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.hardware import hardware
from trainables.compiled.precision import read_cpu_flags, resolve_precision

RESULTS = Path(__file__).parent / "results" / "epoch.json"
CASES = ((8, 128, 16), (64, 512, 1))  # width, batch size, batches a round
LIMITS = ("convolutions", "convolutions_and_passes")
CONTESTANTS = ("ranktune", "cifar10_fast", "torchvision_loop", *LIMITS)
IMAGES = 10_000
TARGETS = {  # images per core-second over the contestant's, at a width
    (8, "cifar10_fast"): 2.4,
    (64, "cifar10_fast"): 3.0,
    (8, "torchvision_loop"): 3.2,
}
DATA_TARGET = 10.0  # microseconds of core time per image
PEAK_TARGET = 0.85
DTYPES = {"fp32": "float32", "bf16": "bfloat16"}
PRECISION = resolve_precision("auto", gpu=False, cpu_flags=read_cpu_flags())


def make(
    name: str, width: int, batch: int, batches: int
) -> tuple[Callable[[], None], Callable[[], Any]]:
    """A contestant's epoch, and its epoch of data alone."""
    import numpy as np

    if name in LIMITS:
        from benchmarks.yardsticks.convolutions import Convolutions

        passes, precision = name == "convolutions_and_passes", PRECISION
        limit = Convolutions(
            width=width, batch=batch, batches=batches, precision=precision, passes=passes
        )
        return limit.epoch, lambda: None
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (IMAGES, 32, 32, 3), np.uint8)
    labels = random.integers(0, 10, IMAGES)
    if name == "ranktune":
        return make_ours(images, labels, width, batch, batches)
    from benchmarks.yardsticks.cifar10_fast import Cifar10Fast
    from benchmarks.yardsticks.torchvision_loop import TorchvisionLoop

    kind: Any = {"cifar10_fast": Cifar10Fast, "torchvision_loop": TorchvisionLoop}[name]
    count = batch * batches
    contestant = kind(images[:count], labels[:count], width=width, batch=batch)
    return contestant.epoch, lambda: [None for _ in contestant.data()]


def make_ours(
    images: Any, labels: Any, width: int, batch: int, batches: int, **keys: Any
) -> tuple[Callable[[], None], Callable[[], None]]:
    """The Trainer of a configuration with these keys, its evaluation left out, as in the others."""
    import torch

    from trainables.config.train_config import TrainConfig
    from trainables.data.augment import Augmenter
    from trainables.data.augmentation import choose_augmentation, draw_epoch
    from trainables.data.dataset import make_dataset
    from trainables.data.device_data import copy_to_device
    from trainables.training.trainer import Trainer

    count = batch * batches
    data = make_dataset("noise", "0123456789", (images, labels), (images[:10], labels[:10]))
    config = TrainConfig(
        width=width,
        batch_size=batch,
        train_images=count,
        validation_images=0,  # judged after the last epoch alone, which never comes
        epochs=10**6,
        precision="auto",
        **keys,
    )
    trainer = Trainer(config, data, threads=1)
    how = choose_augmentation(trainer.config, data.image_size, flips=True)
    augmenter = Augmenter(
        copy_to_device(data, torch.device("cpu")).train_pixels, data.mean, data.std, how
    )

    def data_alone() -> None:
        draws = draw_epoch(trainer.split.train, 0, 0, how)
        for first in range(0, count, batch):
            augmenter.augmented(draws[first : first + batch])

    return lambda: trainer.train_epoch() and None, data_alone


def serve(pipe: Connection, name: str, case: tuple[int, int, int]) -> None:
    """A contestant's process: core seconds of an epoch ("epoch") or of its data ("data")."""
    import torch

    torch.set_num_threads(1)
    epoch, data = make(name, *case)
    epoch(), data()
    pipe.send("ready")
    for asked in iter(pipe.recv, "end"):
        start = time.process_time()
        {"epoch": epoch, "data": data}[asked]()
        pipe.send(time.process_time() - start)


def one_round(case: tuple[int, int, int]) -> dict[str, dict[str, float]]:
    """Contestant → {"epoch", "data"} → core seconds, and the matmul peak then in FLOP/s."""
    context = multiprocessing.get_context("spawn")
    pipes = {name: context.Pipe() for name in CONTESTANTS}
    processes = [
        context.Process(target=serve, args=(pipes[name][1], name, case)) for name in CONTESTANTS
    ]
    for process in processes:
        process.start()
    for mine, _ in pipes.values():
        mine.recv()
    seconds = {
        name: {what: ask(pipes[name][0], what) for what in ("epoch", "data")} for name in pipes
    }
    for mine, _ in pipes.values():
        mine.send("end")
    for process in processes:
        process.join()
    peak = matmul_peak(DTYPES[PRECISION], 9)
    return {name: {**measured, "peak": peak} for name, measured in seconds.items()}


def ask(pipe: Connection, what: str) -> float:
    """Core seconds of one thing in another process."""
    pipe.send(what)
    return pipe.recv()


def summarise(
    case: tuple[int, int, int], measured: list[dict[str, dict[str, float]]]
) -> dict[str, Any]:
    """Medians over rounds, ratios and their range within each."""
    width, batch, batches = case
    images = batch * batches
    flops = flops_per_image(width) * images

    def over(name: str, other: str) -> float:
        return round(median(ratios(name, other)), 2)

    def ratios(name: str, other: str) -> list[float]:
        return [one[name]["epoch"] / one[other]["epoch"] for one in measured]

    def row(name: str) -> dict[str, Any]:
        shares = [flops / one[name]["peak"] / one[name]["epoch"] for one in measured]
        all_ratios = ratios(name, "ranktune")
        seconds = median(one[name]["epoch"] for one in measured) / images
        data = median(one[name]["data"] for one in measured) / images
        return {
            "images_per_core_second": round(1 / seconds, 1),
            "data_us_per_image": round(data * 1e6, 2),
            "share_of_matmul_peak": round(median(shares), 3),
            "ranktune_is_faster_by": over(name, "ranktune"),
            "ranktune_is_faster_by_range": [round(f(all_ratios), 2) for f in (min, max)],
            "convolutions_alone_by": over(name, "convolutions"),
            "convolutions_and_passes_by": over(name, "convolutions_and_passes"),
        }

    rows = {name: row(name) for name in CONTESTANTS}
    return {"width": width, "batch": batch, "rounds": len(measured), "contestants": rows}


def flops_per_image(width: int) -> float:
    """Forward and backward, 3 × forward: Page's ResNet-9, dense, 10 classes."""
    from trainables.config.train_config import TrainConfig

    return 3 * 2 * TrainConfig(width=width).network_size().macs(1)


def matmul_peak(dtype: str, repeats: int) -> float:
    """FLOP/s of the best of several 2048³ matrix products on one thread."""
    import torch

    torch.set_num_threads(1)
    kind = getattr(torch, dtype)
    a, b = torch.randn(2048, 2048).to(kind), torch.randn(2048, 2048).to(kind)
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        a @ b
        seconds.append(time.process_time() - start)
    return 2 * 2048**3 / min(seconds)


def misses(cases: list[dict[str, Any]]) -> list[str]:
    """Targets that this run does not reach."""
    found = []
    for case in cases:
        rows, width = case["contestants"], f"width {case['width']}"
        for name, row in rows.items():
            wanted = TARGETS.get((case["width"], name), 0)
            if (ratio := row["ranktune_is_faster_by"]) < wanted:
                alone, passes = row["convolutions_alone_by"], row["convolutions_and_passes_by"]
                found.append(
                    f"{width}: {ratio} times {name}, target {wanted}; torch's convolutions alone: "
                    f"{alone}, with the least passes over memory: {passes}"
                )
        if (data := rows["ranktune"]["data_us_per_image"]) > DATA_TARGET:
            found.append(f"{width}: data takes {data} µs an image, target {DATA_TARGET}")
    share = cases[-1]["contestants"]["ranktune"]["share_of_matmul_peak"]
    if share < PEAK_TARGET:
        found.append(f"width 64: {share} of the matmul peak, target {PEAK_TARGET} in bf16")
    return found


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    cases = [summarise(case, [one_round(case) for _ in range(arguments.rounds)]) for case in CASES]
    result = {
        "command": f"python -m benchmarks.epoch --rounds {arguments.rounds}",
        "what": "training, dense, one thread; medians over rounds, each of fresh processes",
        "machine": hardware(),
        "precision": PRECISION,
        "misses": misses(cases),
        "cases": cases,
    }
    RESULTS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(result, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
