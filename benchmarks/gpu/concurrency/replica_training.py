"""Training of replicas as one network: their images, their losses, each its own rate and decay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.gpu.concurrency.replicas import fuse
from trainables.data.augment import Augmenter
from trainables.data.augmentation import choose_augmentation, draw_epoch
from trainables.data.dataset import Dataset
from trainables.data.device_data import copy_to_device
from trainables.training.cuda_graphs import capture_cuda_graph
from trainables.training.optimizers import Optimizer
from trainables.training.param_groups import set_rates
from trainables.training.steps import autocast
from trainables.training.trainer import Trainer


class FusedStep:
    """One training step of N replicas.

    batch: gives images (N, B, 3, S, S) and labels (N, B), the replicas' own.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        optimizers: Sequence[Optimizer],
        batch: Callable[[], tuple[Tensor, Tensor]],
        *,
        precision: str,
        label_smoothing: float = 0.0,
    ) -> None:
        self.network = fuse(networks).train()
        self._optimizers = optimizers
        self._batch = batch
        self._precision = precision
        self._label_smoothing = label_smoothing

    def __call__(self) -> None:
        """Forward, backward, update."""
        images, labels = self._batch()
        replicas, count, channels, *sides = images.shape
        x = images.transpose(0, 1).reshape(count, replicas * channels, *sides)
        x = x.contiguous(memory_format=torch.channels_last)
        with autocast(labels.device, self._precision):
            logits = self.network(x)  # (B, N, classes)
        logits = logits if logits.dtype == torch.float64 else logits.float()
        losses = F.cross_entropy(
            logits.flatten(0, 1),
            labels.T.flatten(),
            reduction="none",
            label_smoothing=self._label_smoothing,
        )
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        losses.view(count, replicas).mean(0).sum().backward()  # each its own mean, as if alone
        for optimizer in self._optimizers:
            optimizer.step()


class FusedTrainers:
    """Trainers of one network and one batch size, whose steps are taken together.

    Only what is timed: nothing is evaluated, saved or counted.
    """

    def __init__(self, trainers: Sequence[Trainer], data: Dataset) -> None:
        first = trainers[0]
        self._trainers = trainers
        self._data = data
        self._step_number = 0
        self._placed = copy_to_device(data, first.device)
        self._augmentation = choose_augmentation(first.config, data.image_size, flips=data.flips)
        self._augmenter = Augmenter(
            self._placed.train_pixels, data.mean, data.std, self._augmentation
        )
        self._draws = self._draw(0)
        self._cursor = torch.zeros((), dtype=torch.int64, device=first.device)
        self._positions = torch.arange(first.config.batch_size, device=first.device)
        self._step = FusedStep(
            [trainer.network for trainer in trainers],
            [trainer.optimizer for trainer in trainers],
            self._batch,
            precision=first.precision,
            label_smoothing=first.config.label_smoothing,
        )
        self._replay: Callable[[], None] | None = None

    def train_batch(self) -> None:
        """The next batch of every replica."""
        batches = self._trainers[0].batches_per_epoch
        epoch, batch = divmod(self._step_number, batches)
        if batch == 0:
            self._draws.copy_(self._draw(epoch))
            self._cursor.zero_()
        if self._replay is None:
            self._replay = capture_cuda_graph(
                self._step, list(self._tensors()), self._trainers[0].device
            )
        self._step_number += 1
        for trainer in self._trainers:
            steps = trainer.config.epochs * batches
            set_rates(trainer.optimizer, trainer.config, self._step_number, steps)
        self._replay()

    def _draw(self, epoch: int) -> Tensor:
        """(N, images, …) of each replica's own seed."""
        draws = [
            draw_epoch(trainer.split.train, trainer.config.seed, epoch, self._augmentation)
            for trainer in self._trainers
        ]
        return torch.stack(draws).to(self._trainers[0].device)

    def _batch(self) -> tuple[Tensor, Tensor]:
        draws = self._draws.index_select(1, self._cursor + self._positions)  # (N, B, …)
        self._cursor.add_(len(self._positions))
        labels = self._placed.train_labels.index_select(0, draws[..., 0].flatten())
        images = self._augmenter.augmented(draws.flatten(0, 1))
        return images.unflatten(0, draws.shape[:2]), labels.view(draws.shape[:2])

    def _tensors(self) -> Iterator[Tensor]:
        """Everything that a step changes."""
        yield from self._step.network.state_dict().values()
        for trainer in self._trainers:
            for buffers in trainer.optimizer.state.values():
                yield from buffers.values()
        yield self._cursor
