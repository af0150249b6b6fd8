"""Several trainers in one process, each on a stream of its own, taking turns batch by batch.

Each replays its own graph, so that its kernels are those it would run alone; the card may run those
of different streams beside each other. Images are shared. One that is finished or stopped is left
out of the next round.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import torch

from benchmarks.gpu.deviation import train_steps
from benchmarks.gpu.machine import synchronize
from trainables.training.trainer import Trainer


class Streams:
    """Trainers and their streams; on a CPU there are none, and the turns are the same."""

    def __init__(self, trainers: Sequence[Trainer]) -> None:
        self.trainers = list(trainers)
        device = trainers[0].device
        synchronize(device)  # what made the trainers ran on another stream
        self._streams = {
            id(trainer): torch.cuda.Stream(device) if device.type == "cuda" else None
            for trainer in trainers
        }

    def train_batch(self) -> int:
        """One batch of every trainer that is not finished; how many there were."""
        running = [trainer for trainer in self.trainers if not trainer.finished]
        for trainer in running:
            with self._on_its_stream(trainer):
                train_steps(trainer, 1)
        return len(running)

    def drop(self, trainer: Trainer) -> None:
        """Leaves one out from now on; the others do not notice."""
        self.trainers = [one for one in self.trainers if one is not trainer]

    def _on_its_stream(self, trainer: Trainer) -> contextlib.AbstractContextManager:
        stream = self._streams[id(trainer)]
        return contextlib.nullcontext() if stream is None else torch.cuda.stream(stream)
