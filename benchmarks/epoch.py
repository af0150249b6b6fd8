"""Images per core-second of an epoch beside two other ways of training the same network.

    python -m benchmarks.epoch                # measures and writes results/epoch.json
    python -m benchmarks.epoch --rounds 3     # a quick look

One thread, process CPU time, data included. Each contestant lives in a process of its own; every
round runs each of them once, and a ratio is taken within its round, so that a busy machine slows
all sides alike. Images are noise: nothing here depends on what they show.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results" / "epoch.json"
CASES = ((8, 128, 8), (64, 128, 1))  # width, batch size, batches a round
CONTESTANTS = ("ranktune", "cifar10_fast", "torchvision_loop")
IMAGES = 10_000
TARGETS = {  # images per core-second over the contestant's, at a width
    (8, "cifar10_fast"): 2.4,
    (64, "cifar10_fast"): 3.0,
    (8, "torchvision_loop"): 3.2,
}
DATA_TARGET = 10.0  # microseconds of core time per image
PEAK_TARGET = 0.85


def make(
    name: str, width: int, batch: int, batches: int
) -> tuple[Callable[[], None], Callable[[], Any]]:
    """A contestant's epoch, and its epoch of data alone."""
    import numpy as np

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (IMAGES, 32, 32, 3), np.uint8)
    labels = random.integers(0, 10, IMAGES)
    if name == "ranktune":
        return make_ours(images, labels, width, batch, batches)
    from benchmarks.yardsticks.cifar10_fast import Cifar10Fast
    from benchmarks.yardsticks.torchvision_loop import TorchvisionLoop

    kind = {"cifar10_fast": Cifar10Fast, "torchvision_loop": TorchvisionLoop}[name]
    contestant = kind(images, labels, width=width, batch=batch, batches=batches)
    return contestant.epoch, lambda: [None for _ in contestant.data()]


def make_ours(
    images: Any, labels: Any, width: int, batch: int, batches: int
) -> tuple[Callable[[], None], Callable[[], None]]:
    """The Trainer, its evaluation left out, as in the others."""
    import torch

    from trainables.augment import Augmenter, draw_epoch
    from trainables.config import TrainConfig
    from trainables.data import make_dataset
    from trainables.device_data import place
    from trainables.trainer import Trainer

    count = batch * batches
    data = make_dataset("noise", "0123456789", (images, labels), (images[:10], labels[:10]))
    config = TrainConfig(
        width=width,
        batch_size=batch,
        train_images=count,
        validation_images=0,  # judged after the last epoch alone, which never comes
        epochs=10**6,
        precision="fp32",
    )
    trainer = Trainer(config, data, threads=1)
    augmenter = Augmenter(place(data, torch.device("cpu")).train_pixels, data.mean, data.std)

    def data_alone() -> None:
        draws = draw_epoch(trainer.split.train, 0, 0, flips=True)
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


def rounds(case: tuple[int, int, int], count: int) -> Iterator[dict[str, dict[str, float]]]:
    """For each round: contestant → {"epoch", "data"} → core seconds."""
    context = multiprocessing.get_context("spawn")
    pipes = {name: context.Pipe() for name in CONTESTANTS}
    processes = [
        context.Process(target=serve, args=(pipes[name][1], name, case)) for name in CONTESTANTS
    ]
    for process in processes:
        process.start()
    for mine, _ in pipes.values():
        mine.recv()
    for _ in range(count):
        yield {
            name: {what: ask(pipes[name][0], what) for what in ("epoch", "data")} for name in pipes
        }
    for mine, _ in pipes.values():
        mine.send("end")
    for process in processes:
        process.join()


def ask(pipe: Connection, what: str) -> float:
    """Core seconds of one thing in another process."""
    pipe.send(what)
    return pipe.recv()


def summarise(
    case: tuple[int, int, int], measured: list[dict[str, dict[str, float]]]
) -> dict[str, Any]:
    """Medians over rounds, ratios within each."""
    width, batch, batches = case
    images = batch * batches
    rows = {
        name: {
            "images_per_core_second": round(
                median(images / one[name]["epoch"] for one in measured), 1
            ),
            "data_us_per_image": round(
                median(one[name]["data"] / images * 1e6 for one in measured), 2
            ),
            "ranktune_is_faster_by": round(
                median(one[name]["epoch"] / one["ranktune"]["epoch"] for one in measured), 2
            ),
        }
        for name in CONTESTANTS
    }
    return {"width": width, "batch": batch, "rounds": len(measured), "contestants": rows}


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


def peak_share(images_per_core_second: float, peak: float) -> float:
    """Of the measured matmul peak, at width 64: 3 × forward (Page's ResNet-9, dense)."""
    return images_per_core_second * 3 * 2 * 379_261_952 / peak


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    import torch

    cpu = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": cpu[0] if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": 1,
        "load_average": [round(one, 1) for one in os.getloadavg()],
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def misses(cases: list[dict[str, Any]], share: float) -> list[str]:
    """Targets that this run does not reach."""
    found = []
    for case in cases:
        rows = case["contestants"]
        for name, row in rows.items():
            wanted = TARGETS.get((case["width"], name), 0)
            if row["ranktune_is_faster_by"] < wanted:
                ratio = row["ranktune_is_faster_by"]
                found.append(f"width {case['width']}: {ratio} times {name}, target {wanted}")
        if rows["ranktune"]["data_us_per_image"] > DATA_TARGET:
            found.append(f"width {case['width']}: data over {DATA_TARGET} µs an image")
    if share < PEAK_TARGET:
        found.append(f"width 64: {share:.2f} of the matmul peak in fp32, target {PEAK_TARGET}")
    return found


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    peak = matmul_peak("float32", 9)
    cases = [summarise(case, list(rounds(case, arguments.rounds))) for case in CASES]
    wide = cases[-1]["contestants"]["ranktune"]["images_per_core_second"]
    share = peak_share(wide, peak)
    result = {
        "command": f"python -m benchmarks.epoch --rounds {arguments.rounds}",
        "what": "training, dense, fp32, one thread; medians over rounds of interleaved runs",
        "machine": machine(),
        "matmul_peak_gflops_fp32": round(peak / 1e9, 1),
        "share_of_peak_at_width_64": round(share, 3),
        "note": "targets were set for bf16 arithmetic; this is fp32, which every CPU has",
        "misses": misses(cases, share),
        "cases": cases,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
