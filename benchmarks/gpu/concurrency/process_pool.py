"""Processes that each hold one trainer on a card, of which any number train at the same time."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import torch

from benchmarks.gpu.deviation import train_steps
from benchmarks.gpu.machine import synchronize
from benchmarks.gpu.setting import Setting
from trainables.config.train_config import TrainConfig
from trainables.training.trainer import Trainer

READY, NO_MEMORY, FAILED = "ready", "out of memory", "failed"
START_SECONDS = 150.0
AHEAD_SECONDS = 0.2
"""Between the order and the start, so that all start at once."""


@dataclasses.dataclass(frozen=True)
class Speed:
    """Of some processes at the same time: images per second of all, and bytes of each."""

    together: int
    images_per_second: float
    bytes_each: int


class ProcessPool:
    """Trainers of one configuration that are warm: libraries loaded, graphs recorded."""

    def __init__(self, setting: Setting, pipes: Sequence[Connection], bytes_each: int) -> None:
        self._setting = setting
        self._pipes = pipes
        self._bytes_each = bytes_each

    @property
    def size(self) -> int:
        """How many fitted the card."""
        return len(self._pipes)

    def train(self, together: int, seconds: float) -> Speed | None:
        """Has the first ``together`` train for so long; None where fewer fitted."""
        if together > self.size:
            return None
        chosen = self._pipes[:together]
        for pipe in chosen:
            pipe.send((time.monotonic() + AHEAD_SECONDS, seconds))
        rates = [_receive(pipe, seconds + 60)[1] for pipe in chosen]
        return Speed(together, sum(rates), self._bytes_each)


@contextmanager
def process_pool(
    setting: Setting, config: TrainConfig, most: int, environment: Mapping[str, str]
) -> Iterator[ProcessPool]:
    """Up to ``most`` processes, started with ``environment`` on top of this one's.

    Raises:
        RuntimeError: one failed for another reason than memory.
    """
    context = multiprocessing.get_context("spawn")
    plain = dataclasses.replace(setting)  # without the images, which each reads itself
    free = _free_bytes(setting.device)
    pairs = [context.Pipe() for _ in range(most)]
    processes = [
        context.Process(target=_serve, args=(there, plain, config.to_dict()), daemon=True)
        for _, there in pairs
    ]
    try:
        with _environment({**environment, "OMP_NUM_THREADS": "1"}):
            for process in processes:
                process.start()
        answers = [_receive(here, START_SECONDS) for here, _ in pairs]
        if bad := [told for status, told in answers if status == FAILED]:
            raise RuntimeError(bad[0])
        warm = [pair[0] for pair, answer in zip(pairs, answers, strict=True) if answer[0] == READY]
        used = free - _free_bytes(setting.device)
        yield ProcessPool(setting, warm, used // max(1, len(warm)))
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(10)


def _free_bytes(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _receive(pipe: Connection, seconds: float) -> tuple[str, Any]:
    if not pipe.poll(seconds):
        return FAILED, f"a process was silent for {seconds:.0f} s"
    try:
        return pipe.recv()
    except EOFError:
        return FAILED, "a process ended without a word"


def _serve(pipe: Connection, setting: Setting, config: dict[str, Any]) -> None:
    """A process: warms up, then trains whenever it is told a start and a duration."""
    try:
        made = Trainer(
            TrainConfig.from_trial(config), setting.data, device=setting.device, threads=1
        )
        train_steps(made, 3)
        synchronize(setting.device)
    except torch.OutOfMemoryError as problem:
        pipe.send((NO_MEMORY, str(problem)))
        return
    except Exception as problem:  # whatever it is, the one who asked must hear of it
        pipe.send((FAILED, f"{type(problem).__name__}: {problem}"))
        return
    pipe.send((READY, None))
    while True:
        start_at, seconds = pipe.recv()
        time.sleep(max(0.0, start_at - time.monotonic()))
        pipe.send((READY, images_per_second([made], seconds)))


def images_per_second(
    trainers: Sequence[Trainer],
    seconds: float,
    one_batch: Callable[[Trainer], None] | None = None,
) -> float:
    """Of trainers that take turns batch by batch for so long, until the device is done."""
    batch = one_batch or (lambda trainer: train_steps(trainer, 1))
    images, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for trainer in trainers:
            batch(trainer)
            images += trainer.config.batch_size
    synchronize(trainers[0].device)
    return images / (time.perf_counter() - start)
