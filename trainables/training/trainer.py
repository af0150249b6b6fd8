"""One training run: epochs, evaluation, saving and resuming. Does not use Ray."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from trainables.compiled.measured_precision import trial_precision
from trainables.config.metrics import EpochMetrics
from trainables.config.train_config import TrainConfig, table_texts
from trainables.config.trial_id import trial_id
from trainables.data.augment import Augmenter
from trainables.data.augmentation import choose_augmentation, draw_epoch
from trainables.data.dataset import Dataset, normalized
from trainables.data.device_data import copy_to_device
from trainables.data.split import split_training_images
from trainables.training.checkpoints.checkpoint import (
    check_same_training,
    read_checkpoint,
    write_checkpoint,
)
from trainables.training.checkpoints.whole_state import COMPARED, check_state
from trainables.training.cuda_graphs import capture_cuda_graph
from trainables.training.evaluator import Evaluation, Evaluator, epoch_metrics
from trainables.training.fine_tuning import initial_network
from trainables.training.optimizers import OPTIMIZERS
from trainables.training.param_groups import (
    kernel_penalties,
    make_groups,
    read_decays,
    read_rates,
    set_rates,
)
from trainables.training.process import draw_from, prepare_process, seed_step, seeded_state
from trainables.training.steps import TrainStep, class_weights
from trainables.training.trial_evaluators import TrialEvaluators


class Diverged(ArithmeticError):  # noqa: N818 (an outcome, not a mistake)
    """A loss that is not finite. ``epoch`` counts from 1."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        super().__init__(f"the training loss is not finite in epoch {epoch}: the trial diverged")


class Trainer:
    """Trains one network as its configuration says.

    The result is a function of the configuration and the data: two trainers with equal
    configurations train to equal numbers, whatever ran in the process before. On the CPU a trainer
    that was saved and loaded, between epochs or within one, continues bit for bit.
    """

    def __init__(
        self,
        config: TrainConfig,
        data: Dataset,
        *,
        device: torch.device | str = "cpu",
        threads: int | None = None,
        cuda_graphs: bool = True,
    ) -> None:
        """Builds the network and copies the data to the device.

        Args:
            config: of the trial.
            data: the images and labels.
            device: to train on.
            threads: number of CPU threads; None leaves the process's setting.
            cuda_graphs: False launches a GPU's steps operation by operation.

        Raises:
            ConfigError: when the data have too few images, or more classes than the network.
        """
        self.config = config
        self.split = split_training_images(config, data)
        self.device = torch.device(device)
        prepare_process(self.device, threads)
        self.size = config.network_size()
        self.trial_id = trial_id(config, self.size)
        self.precision = trial_precision(config, gpu=self.device.type == "cuda")
        self.history: list[EpochMetrics] = []
        self._capture = capture_cuda_graph if cuda_graphs else lambda step, *_: step
        self._data = normalized(data, config.normalization)
        self._augmentation = choose_augmentation(config, data.image_size, flips=data.flips)
        self.batches_per_epoch = len(self.split.train) // config.batch_size
        """Full batches; an epoch leaves out the images of a last, partial one."""
        self.batches_done, self._seconds = 0, 0.0  # of the epoch in progress
        self._build()

    @property
    def epochs_done(self) -> int:
        """Finished epochs."""
        return len(self.history)

    @property
    def finished(self) -> bool:
        """Whether every epoch of the configuration is done."""
        return self.epochs_done >= self.config.epochs

    def train_epoch(self, should_stop: Callable[[], bool] | None = None) -> EpochMetrics | None:
        """Trains to the end of the epoch and evaluates.

        ``should_stop`` is called before each batch. When it returns True, this method returns None,
        and the next call (perhaps of another trainer, after ``save`` and ``load``) continues with
        that batch.

        Raises:
            Diverged: at the end of an epoch with a loss that is not finite.
            ConfigError: where a checkpoint would not hold all that the network learned.
        """
        if self.finished:
            raise RuntimeError(
                f"{self.trial_id} is finished: all of its {self.config.epochs} epochs are done"
            )
        if not self._train_batches(should_stop):
            return None
        images = self.batches_per_epoch * self.config.batch_size
        loss, accuracy = self._step.sums.means(images)
        if not math.isfinite(loss):
            raise Diverged(self.epochs_done + 1)
        metrics = self._finish_epoch(loss, accuracy, images)
        losses = (metrics.val_loss, metrics.test_loss)
        if any(value is not None and not math.isfinite(value) for value in losses):
            raise Diverged(self.epochs_done + 1)
        if metrics.epoch in (1, self.config.epochs):
            images = torch.from_numpy(self.split.train[:COMPARED]).to(self.device)
            check_state(self.network, self.config, self.size, self._plain(images))
        self.history.append(metrics)
        self.batches_done, self._seconds = 0, 0.0
        return metrics

    def save(self, folder: Path) -> None:
        """Writes a checkpoint: the network, the optimiser, the epoch in progress, the history."""
        state = {
            "trial_id": self.trial_id,
            "config": self.config.to_dict(),
            "tables": table_texts([self.config]),
            "dataset_checksum": self._data.checksum,
            "epochs_done": self.epochs_done,
            "batch": self.batches_done,
            "train_seconds": self._seconds,
            "threads": torch.get_num_threads() if self.device.type == "cpu" else None,
            "history": [dataclasses.asdict(metrics) for metrics in self.history],
        }
        write_checkpoint(folder, self._tensors(), state)

    def load(self, folder: Path) -> None:
        """Continues from a checkpoint, with its number of threads, which affects rounding.

        Raises:
            CheckpointError: missing, damaged, or of another trial; the trainer is then unchanged.
        """
        tensors, state = read_checkpoint(folder)
        current = self._tensors()
        check_same_training(folder, tensors, state, self.trial_id, self._data, current)
        with torch.no_grad():
            for name, tensor in current.items():
                tensor.copy_(tensors[name])  # in place: a captured graph refers to these tensors
        threads = state.get("threads")
        if self.device.type == "cpu" and isinstance(threads, int) and threads > 0:
            torch.set_num_threads(threads)
        self.history = [EpochMetrics(**metrics) for metrics in state["history"]]
        self.batches_done, self._seconds = state["batch"], state["train_seconds"]
        if self.batches_done:
            self._draw()

    def _build(self) -> None:
        config, device = self.config, self.device
        self.network = initial_network(config, self.size).to(device)
        groups = make_groups(config, self.size, self.network)
        self.optimizer = OPTIMIZERS[config.optimizer](groups, config.learning_rate, device)
        self._device_data = copy_to_device(self._data, device)
        forward = torch.compile(self.network) if config.compile else self.network
        augmenter = functools.partial(  # a method would be a reference cycle, which keeps memory
            Augmenter,
            mean=self._data.mean,
            std=self._data.std,
            augmentation=self._augmentation,
        )
        self._evaluators = TrialEvaluators(
            forward,
            self._device_data,
            self.split,
            augmenter,
            size=self.size,
            classes=config.classes,
            precision=self.precision,
        )
        train = torch.from_numpy(self.split.train)
        train_images = augmenter(self._device_data.train_pixels)
        self._plain = train_images.plain
        self._step = TrainStep(
            forward,
            self.optimizer,
            train_images,
            self._device_data.train_labels,
            batch=config.batch_size,
            at_once=config.images_at_once,
            draws=len(train),
            label_smoothing=config.label_smoothing,
            class_weights=class_weights(config, self._device_data.train_labels[train]),
            precision=self.precision,
            penalties=kernel_penalties(config, self.size, self.network),
        )
        # ResNet-9 has no random layers; other networks may (dropout), and use torch's generator
        table = self.size.architecture.table
        self._random = seeded_state(config.seed) if table is not None else None
        self._replay: Callable[[], None] | None = None

    def _draw(self) -> None:
        draws = draw_epoch(self.split.train, self.config.seed, self.epochs_done, self._augmentation)
        self._step.draws.copy_(draws)

    def _train_batches(self, should_stop: Callable[[], bool] | None) -> bool:
        """Trains to the end of the epoch; returns False when stopped before it."""
        self.network.train()
        if self.batches_done == 0:
            self._draw()
            self._step.cursor.zero_()
            self._step.sums.values.zero_()
        if self._replay is None:
            self._replay = self._capture(self._step, self._tensors().values(), self.device)
        start = time.perf_counter()
        first_step = self.epochs_done * self.batches_per_epoch
        steps = self.config.epochs * self.batches_per_epoch
        with draw_from(self._random, self.device):
            while self.batches_done < self.batches_per_epoch:
                if should_stop is not None and should_stop():
                    self._seconds += time.perf_counter() - start
                    return False
                step = first_step + self.batches_done + 1
                set_rates(self.optimizer, self.config, step, steps)
                if self._random is not None:
                    seed_step(self.config.seed, step)
                self._replay()
                self.batches_done += 1
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self._seconds += time.perf_counter() - start
        return True

    def _finish_epoch(self, loss: float, accuracy: float, images: int) -> EpochMetrics:
        start = time.perf_counter()
        held_out = None if self.split.uses_test_set else self._evaluate(self._evaluators.held_out)
        test = self._evaluate(self._evaluators.test) if self._reads_test_set() else None
        peak = torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else None
        return EpochMetrics(
            epoch=self.epochs_done + 1,
            train_loss=loss,
            train_accuracy=accuracy,
            **epoch_metrics("val", held_out, self.config.metric),
            learning_rates=read_rates(self.optimizer),
            weight_decays=read_decays(self.optimizer),
            train_seconds=self._seconds,
            eval_seconds=time.perf_counter() - start,
            images_per_second=images / self._seconds,
            peak_memory_bytes=peak,
            **epoch_metrics("test", test, self.config.metric),
        )

    def _reads_test_set(self) -> bool:
        """Whether this epoch is evaluated on the test set.

        The last epoch is; under the 2018 study's protocols every epoch is.
        """
        last = self.epochs_done + 1 == self.config.epochs
        return self.split.uses_test_set and (last or self.config.protocol != "corrected")

    def _evaluate(self, evaluator: Evaluator) -> Evaluation:
        self.network.eval()
        with draw_from(self._random, self.device):
            if self._random is not None:
                seed_step(self.config.seed, 0)
            return evaluator()

    def _tensors(self) -> dict[str, Tensor]:
        """Every tensor that a step changes, by name; not copies."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            for kind, buffers in self.optimizer.state.items():
                if parameter in buffers:
                    tensors[f"{kind}.{name}"] = buffers[parameter]
        if self._random is not None:
            tensors["random"] = self._random
        tensors["epoch.sums"] = self._step.sums.values
        tensors["epoch.cursor"] = self._step.cursor
        return tensors
