"""How long an epoch takes, dense and of every family, and where its time goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from statistics import median
from typing import Any

from benchmarks.gpu.deviation import fallback_reasons, train_steps
from benchmarks.gpu.floors import counted, floor_seconds
from benchmarks.gpu.machine import peaks
from benchmarks.gpu.networks import at_share
from benchmarks.gpu.profile import profiled
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stage import Cell, Stage, Summary
from trainables.sizes.registry import SIZES
from trainables.training.trainer import Trainer

SHARES = (0.25, 0.10)
EPOCHS = 24
DENSE_SECONDS = 7.0  # of training, 24 epochs, on an H200
DECOMPOSED = 0.5  # of dense, at most
ENDLESS = 10**6
"""Epochs of the schedule: nothing is evaluated after the last one, and the rate stays near 0."""


def cells(setting: Setting) -> Iterator[Cell]:
    """Dense, those without a rank, then the others at both shares."""
    yield Cell("dense", 45, partial(epoch, setting, {"layer": "dense"}))
    width = setting.config().width
    for share in SHARES:
        for layer in list(SIZES)[:: setting.pick(1, 4)]:
            if SIZES[layer].ranked:
                keys = at_share(layer, share, width)
                yield Cell(f"{layer} {share:.0%}", 45, partial(epoch, setting, keys))
            elif layer != "dense" and share == SHARES[0]:
                yield Cell(layer, 45, partial(epoch, setting, {"layer": layer}))


def epoch(setting: Setting, keys: Mapping[str, Any]) -> dict[str, Any]:
    """Whole epochs, training alone, after one that warms up; then a profile and a count."""
    config = setting.config(validation_images=0, epochs=ENDLESS, **keys)
    with fallback_reasons() as reasons:
        trainer = Trainer(config, setting.data, device=setting.device)
        warm_up = _train(trainer)
        seconds = [_train(trainer) for _ in range(setting.pick(5, 2))]
    peak_memory = trainer.history[-1].peak_memory_bytes
    steps = min(20, trainer.batches_per_epoch - 1)
    profile = profiled(lambda: train_steps(trainer, steps), steps, setting.device)
    launched = Trainer(config, setting.data, device=setting.device, cuda_graphs=False)
    train_steps(launched, 1)
    count = counted(lambda: train_steps(launched, 1))
    launched.train_epoch()  # the rest of the first
    launched_seconds = _train(launched)

    batches = trainer.batches_per_epoch
    images = batches * config.batch_size
    flops = 3 * 2 * trainer.size.macs(config.batch_size) * images
    card = peaks(setting.device)
    floor = floor_seconds(flops / batches, count, card, trainer.precision)
    middle = median(seconds)
    return {
        "config": config.changed(),
        "parameters": trainer.size.parameters,
        "macs_per_image": trainer.size.macs(config.batch_size),
        "routes": dict.fromkeys(trainer.size.routes(config.batch_size)),
        "epoch_seconds": middle,
        "epoch_seconds_range": [min(seconds), max(seconds)],
        "warm_up_seconds": warm_up,
        "epoch_seconds_without_graph": launched_seconds,
        "images_per_second": images / middle,
        "tflops": flops / middle / 1e12,
        "share_of_peak": flops / middle / 1e12 / card[f"{trainer.precision}_tflops"],
        "floor_epoch_seconds": {name: value * batches for name, value in floor.items()},
        "operations_a_step": count.operations,
        "moved_bytes_a_step": count.moved,
        "peak_memory_bytes": peak_memory,
        "graph": not reasons and setting.device.type == "cuda",
        "fallbacks": reasons,
        "profile": profile,
    }


def _train(trainer: Trainer) -> float:
    """Seconds of the training part of one more epoch."""
    metrics = trainer.train_epoch()
    assert metrics is not None
    return metrics.train_seconds


def summarise(found: Mapping[str, Any]) -> Summary:
    """A row a network; beside the seconds their floor."""
    rows = []
    for key, cell in found.items():
        floor, profile = cell["floor_epoch_seconds"], cell["profile"]
        idle = profile["idle_share"]
        rows.append(
            [
                key,
                f"{cell['parameters']:,}",
                f"{cell['epoch_seconds']:.3f}",
                f"{floor['multiply']:.3f}",
                f"{floor['multiply_and_move']:.3f}",
                f"{cell['epoch_seconds_without_graph']:.3f}",
                f"{cell['images_per_second']:,.0f}",
                f"{cell['tflops']:.3g}",
                f"{cell['share_of_peak']:.0%}",
                "" if idle is None else f"{idle:.0%}",
            ]
        )
    headers = (
        "network",
        "parameters",
        "s an epoch",
        "floor multiply",
        "floor + move",
        "no graph",
        "images/s",
        "TFLOP/s",
        "of peak",
        "idle",
    )
    dense = found.get("dense")
    figures = {"dense_24_epochs_seconds": EPOCHS * dense["epoch_seconds"]} if dense else {}
    return Summary(headers, rows, figures, _misses(found))


def _misses(found: Mapping[str, Any]) -> list[str]:
    dense = found.get("dense")
    if dense is None:
        return []
    misses = [
        f"{key}: no graph: {cell['fallbacks']}" for key, cell in found.items() if cell["fallbacks"]
    ]
    if (seconds := EPOCHS * dense["epoch_seconds"]) > DENSE_SECONDS:
        misses.append(f"dense: {seconds:.1f} s of training in {EPOCHS} epochs, aim {DENSE_SECONDS}")
    for key, cell in found.items():
        ratio = cell["epoch_seconds"] / dense["epoch_seconds"]
        if key != "dense" and ratio > DECOMPOSED:
            misses.append(f"{key}: {ratio:.2f} of dense's seconds, aim {DECOMPOSED}")
    return misses


STAGE = Stage("epoch", "how fast is an epoch, and what holds it up?", cells, summarise)
