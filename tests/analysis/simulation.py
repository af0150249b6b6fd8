"""Simulated training: writes real ledgers, through ``record.encode``, and ``study.json``."""

from __future__ import annotations

import functools
import heapq
import itertools
import json
import math
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from analysis.record.record import encode
from analysis.record.rows import (
    FORMAT,
    Alias,
    AnyRow,
    Closed,
    Ended,
    Epoch,
    FailureKind,
    Infeasible,
    Opened,
    Planned,
    Run,
    Started,
)
from analysis.record.status import TrialStatus
from tests.analysis.model import Model
from trainables.architectures.network_size import NetworkSize, size_network
from trainables.config.train_config import TrainConfig
from trainables.config.trial_id import trial_id
from trainables.files.study_folder import LEASE, LEDGER
from trainables.files.whole_file import write_whole

BEGIN = 1_760_000_000.0  # seconds since the epoch: October 2025
SLOTS = 4
USUAL = Model()
COMMAND = "python run_tune.py --space {space} --results-dir results"


@dataclass(frozen=True)
class Fate:
    """How an attempt ends: after ``epoch`` finished epochs in all; None lets it run to its last."""

    status: TrialStatus = TrialStatus.FINISHED
    epoch: int | None = None
    kind: FailureKind | None = None
    error: str | None = None


FINISHED = (Fate(),)
Fates = Callable[[int], Sequence[Fate]]


@dataclass
class _Attempt:
    """A running attempt, and everything it still has to report."""

    trial: int
    planned: Planned
    number: int
    fate: Fate
    accuracy: float
    epoch: int = 0
    over: bool = False  # its slot is free
    retried: bool = False


def write_study(
    folder: Path,
    configs: Iterable[dict[str, Any]],
    *,
    space: dict[str, Any],
    model: Model = USUAL,
    fates: Fates = lambda trial: FINISHED,
    rungs: Sequence[int] = (),
    closes_after: int | None = None,
    infeasible: Iterable[Infeasible] = (),
    random_seed: int = 0,
) -> Path:
    """Writes ``study.json`` and ``ledger.jsonl`` into ``folder``.

    ``fates`` gives trial number i's attempts, ``rungs`` the epochs at which the lower two thirds
    stop; after ``closes_after`` ended trials the ledger breaks off, its driver still holding it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    planned, aliases = _plan(configs)
    simulation = _Simulation(
        planned, model, fates, rungs, closes_after, np.random.default_rng(random_seed)
    )
    command = COMMAND.format(space=space["name"])
    rows: list[AnyRow] = [Opened(FORMAT, folder.name, BEGIN)]
    rows += [Run(BEGIN, command, SLOTS, "laptop"), *planned, *aliases, *infeasible]
    rows += simulation.rows()
    if closes_after is None:
        rows.append(Closed(simulation.time + 1, "every planned trial is accounted for"))
    else:
        rows = _until(time.time(), rows)
        renew(folder)
    (folder / LEDGER).write_bytes(encode(rows))
    (folder / "study.json").write_text(
        json.dumps(study_information(folder.name, space, command), indent=2)
    )
    return folder


def renew(folder: Path, seconds: float = 0.0, host: str = "") -> None:
    """Writes the lease as a driver does whose clock is ahead of this one by so much."""
    lease = {"renewed": time.time() + seconds, "host": host or socket.gethostname()}
    write_whole(folder / LEASE, json.dumps(lease))


def study_information(name: str, space: dict[str, Any], command: str) -> dict[str, Any]:
    """What the driver writes into ``study.json``."""
    return {
        "name": name,
        "space": space,
        "options": {
            "space": space["name"],
            "search": space["search"],
            "scheduler": space["scheduler"],
        },
        "command": command,
        "git_revision": "0123456789abcdef",
        "versions": {"python": "3.11.2", "torch": "2.14.1", "ray": "2.60.0"},
        "device": "cpu",
        "dataset": {"name": "digits", "checksum": "sha256:0"},
        "identity": {"dataset": "digits", "recipe": 1},
    }


def _until(now: float, rows: list[AnyRow]) -> list[AnyRow]:
    """The rows with their times moved so that the last was written just now."""
    late = now - max(getattr(row, "time", 0.0) for row in rows)
    timed = [row for row in rows if hasattr(row, "time")]
    moved = [msgspec.structs.replace(row, time=row.time + late) for row in timed]
    return moved + [row for row in rows if not hasattr(row, "time")]


@functools.lru_cache(maxsize=20_000)
def _size(architecture) -> NetworkSize:
    return size_network(architecture)


def _plan(configs: Iterable[dict[str, Any]]) -> tuple[list[Planned], list[Alias]]:
    planned: dict[str, Planned] = {}
    aliases = []
    for raw in configs:
        config = TrainConfig.from_trial({"dataset": "digits", "precision": "fp32", **raw})
        size = _size(config.architecture)
        name = trial_id(config, size)
        if name in planned:
            aliases.append(Alias(raw, name))
            continue
        planned[name] = Planned(
            trial_id=name,
            config=config.to_dict(),
            parameters=size.parameters,
            macs=size.macs(config.batch_size),
            compression=size.compression,
            factor_parameters=size.factor_parameters,
            routes=tuple(size.routes(config.batch_size)),
            time=BEGIN,
        )
    return list(planned.values()), aliases


class _Simulation:
    """Runs the planned trials in ``SLOTS`` slots, event by event: rows in time order."""

    def __init__(self, planned, model, fates, rungs, closes_after, rng) -> None:
        self.planned, self.model, self.fates, self.rng = planned, model, fates, rng
        self.rungs = {epoch: [] for epoch in rungs}
        self.closes_after = closes_after
        self.time = BEGIN
        self._order = itertools.count()
        self._queue: list[_Attempt] = [
            self._attempt(number, 0) for number in range(len(planned)) if fates(number)
        ]
        self._running: list[tuple[float, int, _Attempt]] = []
        self._out: list[AnyRow] = []

    def rows(self) -> list[AnyRow]:
        """Everything the driver would have appended."""
        for _ in range(min(SLOTS, len(self._queue))):
            self._start(self._queue.pop(0))
        ended = 0
        while self._running and (self.closes_after is None or ended < self.closes_after):
            self.time, _, attempt = heapq.heappop(self._running)
            self._step(attempt)
            ended += attempt.over and not attempt.retried
            if attempt.over and self._queue:
                self._start(self._queue.pop(0))
        return self._out

    def _attempt(
        self, trial: int, number: int, epoch: int = 0, accuracy: float | None = None
    ) -> _Attempt:
        planned = self.planned[trial]
        if accuracy is None:
            config = TrainConfig.from_trial(planned.config)
            accuracy = self.model.draw(config, _size(config.architecture), self.rng)
        return _Attempt(trial, planned, number + 1, self.fates(trial)[number], accuracy, epoch)

    def _start(self, attempt: _Attempt) -> None:
        row = Started(
            attempt.planned.trial_id, attempt.number, self.time, attempt.epoch, "laptop", "cpu"
        )
        self._out.append(row)
        self._push(attempt)

    def _push(self, attempt: _Attempt) -> None:
        seconds = self._seconds(attempt) * float(self.rng.uniform(0.95, 1.1))
        heapq.heappush(self._running, (self.time + seconds, next(self._order), attempt))

    def _seconds(self, attempt: _Attempt) -> float:
        """Seconds of one epoch: a constant and a share that follows the multiply-adds."""
        return 4.0 + attempt.planned.macs / 4e7

    def _step(self, attempt: _Attempt) -> None:
        last = attempt.planned.config["epochs"]
        end = last if attempt.fate.epoch is None else min(attempt.fate.epoch, last)
        if attempt.epoch < end:
            attempt.epoch += 1
            self._out.append(self._epoch(attempt, last))
        if attempt.epoch >= end:
            self._end(attempt, attempt.fate)
        elif attempt.epoch in self.rungs and self._loses(attempt):
            self._end(attempt, Fate("stopped", attempt.epoch))
        else:
            self._push(attempt)

    def _loses(self, attempt: _Attempt) -> bool:
        """ASHA with a reduction factor of 3: only the best third of those seen so far goes on."""
        seen = self.rungs[attempt.epoch]
        value = self._out[-1].val_accuracy
        seen.append(value)
        return value < float(np.quantile(seen, 2 / 3))

    def _end(self, attempt: _Attempt, fate: Fate) -> None:
        attempts = self.fates(attempt.trial)
        retry = fate.status == "failed" and attempt.number < len(attempts)
        name = attempt.planned.trial_id
        self._out.append(
            Ended(
                name,
                attempt.number,
                self.time,
                fate.status,
                attempt.epoch,
                fate.kind,
                fate.error,
                retry,
            )
        )
        if retry:  # its checkpoint is one epoch old, so that an epoch is reported twice
            self._queue.append(
                self._attempt(
                    attempt.trial, attempt.number, max(attempt.epoch - 1, 0), attempt.accuracy
                )
            )
        attempt.over, attempt.retried = True, retry

    def _epoch(self, attempt: _Attempt, last: int) -> Epoch:
        config = attempt.planned.config
        progress = (1 - math.exp(-4 * attempt.epoch / last)) / (1 - math.exp(-4))
        noise = 0.01 * (1 - attempt.epoch / last) * float(self.rng.normal())
        val = float(np.clip(0.1 + (attempt.accuracy - 0.1) * progress + noise, 0.02, 0.999))
        train = min(val + 0.03 * progress, 0.9999)
        rate = config["learning_rate"] * max(1 - attempt.epoch / last, 0.0)
        decay = config["weight_decay"]
        scaled = decay * attempt.planned.compression ** config["weight_decay_scaling"]
        seconds = self._seconds(attempt)
        tests = config["validation_images"] == 0
        return Epoch(
            trial_id=attempt.planned.trial_id,
            attempt=attempt.number,
            time=self.time,
            epoch=attempt.epoch,
            train_loss=-math.log(train),
            train_accuracy=train,
            val_loss=None if tests else -math.log(val) + 0.02,
            val_accuracy=None if tests else val,
            learning_rates={"factors": rate, "weights": rate, "batchnorm": rate},
            weight_decays={"factors": scaled, "weights": decay, "batchnorm": 0.0},
            train_seconds=seconds * 0.9,
            eval_seconds=seconds * 0.1,
            images_per_second=1500 / seconds,
            test_loss=-math.log(val) + 0.03 if tests and attempt.epoch == last else None,
            test_accuracy=val - 0.004 if tests and attempt.epoch == last else None,
        )
