"""A network and images that nobody here wrote: resnet18 on 64×64, beside the usual loop.

    python -m benchmarks.images               # measures and writes results/images.json
    python -m benchmarks.images --rounds 1    # a quick look

torchvision's resnet18 is trained on a folder of PNG files of 64×64 pixels, on one thread, in
process CPU time, data included. The usual loop is ImageFolder, torchvision's transforms (reflected
padding and crop, mirror, cut-out), a DataLoader and SGD. It and RankTune's fp32 rows keep the same
precision and memory format (channels last). Every round starts each contestant in a fresh process;
ratios are taken within a round, and their range over rounds stands beside the median.

Both tucker2 networks have a quarter of the parameters. ``compression`` gives all layers one rank,
which leaves the early layers dense, with most of the multiply-adds; ``rank_scale`` gives each layer
a rank in proportion to its channels.

"network" is the time of the network's own forward and backward passes on images that are there: no
loop around the same torch operations can take less. "convolutions" is the share of those passes
that torch's profiler finds in its convolutions. They say how fast a loop can be at all.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.epoch import ask
from benchmarks.hardware import hardware

RESULTS = Path(__file__).parent / "results" / "images.json"
SIDE, BATCH, BATCHES, CLASSES = 64, 64, 3, 10
SETTINGS: dict[str, dict[str, Any]] = {
    "ranktune_fp32": {"precision": "fp32"},
    "ranktune_auto": {"precision": "auto"},
    "ranktune_tucker2_fp32": {"precision": "fp32", "layer": "tucker2", "compression": 0.25},
    "ranktune_tucker2_scaled_fp32": {"precision": "fp32", "layer": "tucker2", "rank_scale": 0.408},
}
CONTESTANTS = ("usual_loop", *SETTINGS)
TARGETS = (  # how many times faster the second is than the first
    ("usual_loop", "ranktune_fp32", 1.3),
    ("ranktune_fp32", "ranktune_tucker2_scaled_fp32", 1.9),
)
MEASURED = ("epoch", "data", "network", "convolutions")
CONVOLUTIONS = ("aten::conv2d", "aten::convolution_backward")
Seconds = Callable[[dict[str, dict[str, float]]], float]
DATA_TARGET = 4.0  # microseconds of core time per 1,024 pixels


def write_images(folder: Path) -> None:
    """A tree of PNG files, blurred noise, a class a folder."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    for part, count in (("train", BATCH * BATCHES // CLASSES + 1), ("test", 1)):
        for label in range(CLASSES):
            place = folder / part / str(label)
            place.mkdir(parents=True)
            for number in range(count):
                noise = Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8))
                noise.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(place / f"{number}.png")


@dataclass(frozen=True)
class Contestant:
    """An epoch, its data alone, and its network in the number format that it trains in."""

    epoch: Callable[[], Any]
    data: Callable[[], Any]
    network: nn.Module
    precision: str

    def passes(self) -> None:
        """As many forward and backward passes as an epoch has, and nothing else."""
        from trainables.training.steps import autocast

        images = torch.randn(BATCH, 3, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
        labels = torch.arange(BATCH) % CLASSES
        for _ in range(BATCHES):
            for parameter in self.network.parameters():
                parameter.grad = None
            with autocast(labels.device, self.precision):
                logits = self.network(images).float()
            functional.cross_entropy(logits, labels).backward()

    def seconds(self, what: str) -> float:
        """Core seconds of "epoch", "data" or "network"; of "convolutions" the share of network."""
        if what == "convolutions":
            return _convolutions(self.passes)
        start = time.process_time()
        {"epoch": self.epoch, "data": self.data, "network": self.passes}[what]()
        return time.process_time() - start


def _convolutions(passes: Callable[[], None]) -> float:
    """The share of some passes that torch's profiler finds in convolutions."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, acc_events=True) as profile:
        passes()
    events = profile.key_averages()
    # what a convolution calls, such as copies of its weights' gradient, is its own
    inside = sum(one.cpu_time_total for one in events if one.key in CONVOLUTIONS)
    return inside / sum(one.self_cpu_time_total for one in events)


def make(name: str, folder: Path) -> Contestant:
    """A contestant, ready."""
    if name == "usual_loop":
        from benchmarks.yardsticks.image_folder_loop import ImageFolderLoop

        loop = ImageFolderLoop(folder / "train", side=SIDE, batch=BATCH, batches=BATCHES)
        return Contestant(loop.epoch, lambda: [None for _ in loop.data()], loop.network, "fp32")
    return make_ours(folder, SETTINGS[name])


def make_ours(folder: Path, settings: dict[str, Any]) -> Contestant:
    """The Trainer, its evaluation left out, as in the loop."""
    from trainables.config.train_config import TrainConfig
    from trainables.data.augment import Augmenter
    from trainables.data.augmentation import choose_augmentation, draw_epoch
    from trainables.data.datasets.registry import load_dataset
    from trainables.data.device_data import copy_to_device
    from trainables.data.sources import requested_data
    from trainables.training.trainer import Trainer

    config = TrainConfig.from_trial(
        {
            "network": "torchvision:resnet18",
            "dataset": "folder",
            "image_size": SIDE,
            "batch_size": BATCH,
            "train_images": BATCH * BATCHES,
            "validation_images": 0,  # judged after the last epoch alone, which never comes
            "epochs": 10**6,
            "classes": CLASSES,
            "learning_rate": 0.1,
            **settings,
        }
    )
    data = load_dataset(requested_data(config, folder))
    trainer = Trainer(config, data, threads=1)
    how = choose_augmentation(config, SIDE, flips=True)
    pixels = copy_to_device(data, torch.device("cpu")).train_pixels
    augmenter = Augmenter(pixels, data.mean, data.std, how)

    def data_alone() -> None:
        draws = draw_epoch(trainer.split.train, 0, 0, how)
        for first in range(0, len(draws), BATCH):
            augmenter.augmented(draws[first : first + BATCH])

    def epoch() -> None:
        trainer.train_epoch()

    return Contestant(epoch, data_alone, trainer.network, trainer.precision)


def serve(pipe: Connection, name: str, folder: Path) -> None:
    """A contestant's process."""
    torch.set_num_threads(1)
    contestant = make(name, folder)
    for what in ("epoch", "data", "network"):
        contestant.seconds(what)
    pipe.send("ready")
    for asked in iter(pipe.recv, "end"):
        pipe.send(contestant.seconds(asked))


def one_round(folder: Path) -> dict[str, dict[str, float]]:
    """Contestant → what → core seconds; one after the other, each measured alone."""
    context = multiprocessing.get_context("spawn")
    seconds = {}
    for name in CONTESTANTS:
        mine, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, name, folder))
        process.start()
        mine.recv()
        seconds[name] = {what: ask(mine, what) for what in MEASURED}
        mine.send("end")
        process.join()
    return seconds


def summarise(measured: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Medians over rounds; ratios and their range within each."""
    images = BATCH * BATCHES

    def row(name: str) -> dict[str, Any]:
        faster = [one["usual_loop"]["epoch"] / one[name]["epoch"] for one in measured]
        data = median(one[name]["data"] for one in measured) / images
        return {
            "images_per_core_second": round(
                images / median(one[name]["epoch"] for one in measured), 1
            ),
            "times_the_usual_loop": round(median(faster), 2),
            "times_the_usual_loop_range": [round(f(faster), 2) for f in (min, max)],
            "data_us_per_1024_pixels": round(data * 1e6 * 1024 / SIDE**2, 2),
            "network_share_of_epoch": round(
                median(one[name]["network"] / one[name]["epoch"] for one in measured), 3
            ),
            **share_of(name),
        }

    def share_of(name: str) -> dict[str, float]:
        if SETTINGS.get(name, {}).get("precision") == "auto":
            return {}  # autocast calls a convolution within a convolution, which counts twice
        share = median(one[name]["convolutions"] for one in measured)
        return {"convolutions_share_of_network": round(share, 3)}

    return {name: row(name) for name in CONTESTANTS}


def times_dense(measured: list[dict[str, dict[str, float]]]) -> dict[str, list[float]]:
    """How many times as fast as the dense network each tucker2 is: median, least, most."""
    found = {}
    for name in [one for one in SETTINGS if "tucker2" in one]:
        ratios = [one["ranktune_fp32"]["epoch"] / one[name]["epoch"] for one in measured]
        found[name] = [round(of(ratios), 2) for of in (median, min, max)]
    return found


def limits(measured: list[dict[str, dict[str, float]]]) -> dict[str, float]:
    """How far the ratios of TARGETS can go at these operations of torch, medians over rounds."""

    def ratio(slower: Seconds, faster: Seconds) -> float:
        return round(median(slower(one) / faster(one) for one in measured), 2)

    def network(name: str) -> Seconds:
        return lambda one: one[name]["network"]

    def convolutions(name: str) -> Seconds:
        return lambda one: one[name]["network"] * one[name]["convolutions"]

    usual, dense, tucker2 = "usual_loop", "ranktune_fp32", "ranktune_tucker2_fp32"
    return {
        "usual_loop_over_its_network_alone": ratio(lambda one: one[usual]["epoch"], network(usual)),
        "usual_loop_over_its_convolutions_alone": ratio(
            lambda one: one[usual]["epoch"], convolutions(usual)
        ),
        "dense_network_over_tucker2_network": ratio(network(dense), network(tucker2)),
        "dense_convolutions_over_tucker2_convolutions": ratio(
            convolutions(dense), convolutions(tucker2)
        ),
    }


def misses(measured: list[dict[str, dict[str, float]]], rows: dict[str, Any]) -> list[str]:
    """Targets that this run does not reach."""
    found = []
    for slower, faster, wanted in TARGETS:
        ratio = median(one[slower]["epoch"] / one[faster]["epoch"] for one in measured)
        if ratio < wanted:
            found.append(f"{faster}: {ratio:.2f} times {slower}, target {wanted}")
    if (data := rows["ranktune_fp32"]["data_us_per_1024_pixels"]) > DATA_TARGET:
        found.append(f"data takes {data} µs per 1,024 pixels, target {DATA_TARGET}")
    return found


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_images(Path(name))
        measured = [one_round(Path(name)) for _ in range(arguments.rounds)]
    rows = summarise(measured)
    result = {
        "command": f"python -m benchmarks.images --rounds {arguments.rounds}",
        "what": f"resnet18, {SIDE}×{SIDE}, batch {BATCH}, one thread, core time, data included",
        "machine": hardware(),
        "rounds": arguments.rounds,
        "misses": misses(measured, rows),
        "limits": limits(measured),
        "times_dense": times_dense(measured),
        "contestants": rows,
    }
    text = json.dumps(result, indent=1, ensure_ascii=False)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
