"""Several trials on one card beyond taking turns: streams, replicas as one network, processes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch

from benchmarks.gpu.concurrency.mps import MpsUnavailable, mps
from benchmarks.gpu.concurrency.process_pool import process_pool
from benchmarks.gpu.concurrency.replica_training import FusedTrainers
from benchmarks.gpu.concurrency.streams import Streams
from benchmarks.gpu.deviation import deviation, parameters, train_steps
from benchmarks.gpu.machine import free_memory, synchronize
from benchmarks.gpu.networks import at_share, some_rank
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stage import Cell, Stage, Summary
from benchmarks.gpu.stages.check import ROUNDING, STEPS
from trainables.config.train_config import TrainConfig
from trainables.training.trainer import Trainer

ENDLESS = 10**6
COUNTS = (1, 2, 4, 8, 16)
WORTH_BUILDING = 1.5
"""Times the trials an hour of the best number of processes without MPS, which is what there is."""
IMAGES_A_TRIAL = 24 * 50_000
SECONDS = 3.0
OUT_OF_MEMORY = "out of memory"


def networks(setting: Setting) -> dict[str, dict[str, Any]]:
    """Small ones gain most, if any do; a family with many small operations; the full size."""
    small, full = setting.pick(8, 2), setting.pick(64, 4)
    return {
        "dense, an eighth as wide": {"layer": "dense", "width": small},
        "tensor_train, an eighth as wide": {**some_rank("tensor_train"), "width": small},
        "low_rank 10%": at_share("low_rank", 0.10, full),
        "dense": {"layer": "dense"},
    }


def cells(setting: Setting) -> Iterator[Cell]:
    """First whether streams leave a trial's numbers alone, then the three ways of each network."""
    yield Cell("streams equal training alone", 30, partial(equal, setting))
    for name, keys in list(networks(setting).items())[: setting.pick(4, 1)]:
        config = setting.config(**{**keys, "validation_images": 0, "epochs": ENDLESS})
        yield Cell(f"{name}: streams", 150, partial(streams, setting, config))
        yield Cell(f"{name}: replicas", 150, partial(replicas, setting, config))
        for service in (False, True):
            label = "processes with MPS" if service else "processes"
            yield Cell(f"{name}: {label}", 120, partial(processes, setting, config, service))


def equal(setting: Setting) -> dict[str, Any]:
    """Three trainers of different families on streams, one stopped early, against each alone."""
    layers = ("dense", "tensor_train", "tt_conv")
    scale = setting.pick({"width": 16, "batch_size": 128, "train_images": 512}, {})
    configs = [setting.config(**scale, **some_rank(layer), epochs=4) for layer in layers]

    def make() -> list[Trainer]:
        return [Trainer(config, setting.data, device=setting.device) for config in configs]

    alone, together = make(), make()
    starts = [parameters(trainer) for trainer in alone]
    turns = Streams(together)
    for number in range(STEPS):
        if number == STEPS // 2:
            turns.drop(together[0])
        turns.train_batch()
    synchronize(setting.device)
    for trainer, steps in zip(alone, (STEPS // 2, STEPS, STEPS), strict=True):
        train_steps(trainer, steps)
    apart = [
        deviation(one, other, start)
        for one, other, start in zip(together, alone, starts, strict=True)
    ]
    sound = max(apart) <= ROUNDING[configs[0].precision]
    return {"deviations": apart, "bit_equal": max(apart) == 0.0, "sound": sound}


def streams(setting: Setting, config: TrainConfig) -> dict[str, Any]:
    """Trainers in this process that take turns, each on its stream."""

    def begin(trainers: list[Trainer]) -> Callable[[], object]:
        return Streams(trainers).train_batch

    return _by_count(setting, config, begin)


def replicas(setting: Setting, config: TrainConfig) -> dict[str, Any]:
    """Replicas of other seeds and rates as one network with grouped convolutions."""

    def begin(trainers: list[Trainer]) -> Callable[[], object]:
        return FusedTrainers(trainers, setting.data).train_batch

    return _by_count(setting, config, begin)


def _by_count(
    setting: Setting, config: TrainConfig, begin: Callable[[list[Trainer]], Callable[[], object]]
) -> dict[str, Any]:
    speeds: dict[int, float] = {}
    for count in COUNTS[: setting.pick(5, 2)]:
        try:
            trainers = [
                Trainer(
                    config.with_values(seed=seed, learning_rate=config.learning_rate * 0.9**seed),
                    setting.data,
                    device=setting.device,
                )
                for seed in range(count)
            ]
            speeds[count] = count * config.batch_size * _rate(setting, begin(trainers))
        except torch.OutOfMemoryError:
            return {"images_per_second": speeds, "ended_by": f"{OUT_OF_MEMORY} at {count}"}
        finally:
            trainers = []
            free_memory(setting.device)
    return {"images_per_second": speeds}


def _rate(setting: Setting, round_of_batches: Callable[[], object]) -> float:
    """Rounds a second, after a warm-up."""
    for _ in range(3):
        round_of_batches()
    synchronize(setting.device)
    rounds, start = 0, time.perf_counter()
    while time.perf_counter() - start < setting.pick(SECONDS, 0.3):
        round_of_batches()
        rounds += 1
    synchronize(setting.device)
    return rounds / (time.perf_counter() - start)


def processes(setting: Setting, config: TrainConfig, service: bool) -> dict[str, Any]:
    """A trainer a process, as a search runs them."""
    counts = COUNTS[: setting.pick(5, 2)]
    try:
        with (
            mps() if service else contextlib.nullcontext() as running,
            process_pool(
                setting, config, counts[-1], running.environment if running else {}
            ) as pool,
        ):
            if running:
                running.check_clients()
            speeds = {count: pool.train(count, setting.pick(SECONDS, 0.3)) for count in counts}
            return {
                "images_per_second": {
                    count: speed.images_per_second for count, speed in speeds.items() if speed
                },
                "fitted": pool.size,
            }
    except MpsUnavailable as reason:
        return {"unavailable": str(reason)}


def summarise(found: Mapping[str, Any]) -> Summary:
    """A row a network and a way; trials of 24 epochs an hour, and over processes without MPS."""
    rows, figures, misses = [], {}, []
    baselines = {
        key.partition(": ")[0]: max(_speeds(cell).values())
        for key, cell in found.items()
        if key.endswith(": processes") and _speeds(cell)
    }
    for key, cell in found.items():
        name, _, way = key.partition(": ")
        if "unavailable" in cell:
            misses.append(f"{key}: {cell['unavailable']}")
        if not (speeds := _speeds(cell)):
            continue
        best = max(speeds, key=speeds.__getitem__)
        gain = speeds[best] / baselines[name] if name in baselines else None
        figures[key] = {"best": best, "over_processes": gain}
        rows.append(
            [
                f"{name}: {way}",
                *(f"{speeds[count]:,.0f}" if count in speeds else "" for count in COUNTS),
                f"{speeds[best] * 3600 / IMAGES_A_TRIAL:,.0f}",
                "" if gain is None else f"{gain:.2f}",
            ]
        )
    worth = [
        key
        for key, row in figures.items()
        if "processes" not in key and (row["over_processes"] or 0) >= WORTH_BUILDING
    ]
    check = found.get("streams equal training alone")
    if check and not check["sound"]:
        misses.append(f"streams change a trial's numbers: {check['deviations']}")
    verdict = f"worth building: {', '.join(worth)}" if worth else "not worth building"
    headers = ("images/s of N trials", *map(str, COUNTS), "best, trials an hour", "over processes")
    return Summary(headers, rows, {"verdict": verdict, "ways": figures}, misses)


def _speeds(cell: Mapping[str, Any]) -> dict[int, float]:
    return {int(count): speed for count, speed in cell.get("images_per_second", {}).items()}


STAGE = Stage("fused", "do trials gain from sharing more than the card?", cells, summarise)
