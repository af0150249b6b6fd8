"""One training step and one evaluation step, as functions of static buffers on a device.

Nothing here synchronises with the device, so that a GPU can capture a step once as a graph and
replay it. The CPU calls the same functions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.config.train_config import ConfigError, TrainConfig
from trainables.data.augment import Augmenter
from trainables.training.optimizers import Optimizer

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """Runs convolutions and matrix products in ``precision``; all else stays in fp32."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=DTYPES[precision])


class Sums:
    """Running sums over images: (count,) float64 on the device.

    The first is the sum of losses, the second the number of correct images. Further sums have the
    meaning that the caller gives them.
    """

    def __init__(self, device: torch.device, count: int = 2) -> None:
        self.values = torch.zeros(count, dtype=torch.float64, device=device)

    def add(self, *sums: Tensor) -> None:
        """Adds a batch's sums, one scalar each."""
        self.values.add_(torch.stack([value.detach().double() for value in sums]))

    def means(self, images: int) -> tuple[float, float]:
        """Mean loss and accuracy over ``images``; synchronises with the device."""
        loss, correct = self.values[:2].tolist()
        return loss / images, correct / images


class TrainStep:
    """Trains on the next batch of an epoch.

    Where ``at_once`` is less than ``batch``, the batch goes through the network in micro-batches of
    that size, whose gradients are summed. BatchNorm then normalises each micro-batch by itself.

    Attributes:
        draws: (images, 3 or 7) int64, see ``draw_epoch``; filled for each epoch.
        cursor: () int64, the first row of the next batch.
        sums: of the epoch so far.
    """

    def __init__(
        self,
        forward: Callable[[Tensor], Tensor],
        optimizer: Optimizer,
        images: Augmenter,
        labels: Tensor,
        *,
        batch: int,
        at_once: int,
        draws: int,
        label_smoothing: float,
        class_weights: Tensor | None,
        precision: str,
        penalties: Sequence[tuple[nn.Module, float]],
    ) -> None:
        device = labels.device
        self.draws = torch.zeros(draws, images.draw_width, dtype=torch.int64, device=device)
        self.cursor = torch.zeros((), dtype=torch.int64, device=device)
        self.sums = Sums(device)
        self._forward = forward
        self._optimizer = optimizer
        self._images = images
        self._labels = labels
        self._batch = batch
        self._parts = torch.arange(batch, device=device).split(at_once)
        self._label_smoothing = label_smoothing
        self._class_weights = class_weights
        self._precision = precision
        self._penalties = penalties
        # fp16 gradients vanish below 6e-8. The 2018 study summed losses over the batch, which
        # scales them by the same factor.
        self._loss_scale = float(batch) if precision == "fp16" else 1.0

    def __call__(self) -> None:
        """Augments, runs forward and backward, updates, and adds to the sums."""
        self._optimizer.zero_grad()
        for part in self._parts:
            self._add_gradient(self.draws.index_select(0, self.cursor + part))
        self._unscale()
        self._optimizer.step()
        self.cursor.add_(self._batch)

    def _add_gradient(self, draws: Tensor) -> None:
        """Adds the gradient and the sums of a micro-batch, weighted by its share of the batch."""
        labels = self._labels.index_select(0, draws[:, 0])
        images = self._images.augmented(draws)
        with autocast(labels.device, self._precision):
            logits = self._forward(images).float()
        if not logits.requires_grad:
            raise ConfigError(
                [
                    "nothing of the network can be trained: its logits depend on no parameter that "
                    "has a gradient; leave out no_grad, detach and requires_grad_(False)"
                ]
            )
        loss = self._loss(logits, labels)
        share = len(labels) / self._batch
        self._backward(loss if share == 1 else loss * share, share)
        self.sums.add(loss.detach() * len(labels), (logits.argmax(1) == labels).sum())

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Nats per image; class weights are 1 on average over the training images."""
        weights, smoothing = self._class_weights, self._label_smoothing
        if weights is None:
            return F.cross_entropy(logits, labels, label_smoothing=smoothing)
        losses = F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
        return (losses * weights.index_select(0, labels)).mean()

    def _backward(self, loss: Tensor, share: float) -> None:
        for layer, penalty in self._penalties:
            loss = loss + share * penalty / 2 * layer.kernel().square().sum()
        (loss * self._loss_scale).backward()

    def _unscale(self) -> None:
        if self._loss_scale != 1.0:
            all_gradients = (parameter.grad for parameter in self._optimizer.parameters)
            gradients = [gradient for gradient in all_gradients if gradient is not None]
            torch._foreach_div_(gradients, self._loss_scale)


def class_weights(config: TrainConfig, labels: Tensor) -> Tensor | None:
    """(classes,) weights in the loss; None for equal weights."""
    balanced = config.class_weights == "balanced"
    return balanced_weights(labels, config.classes) if balanced else None


def balanced_weights(labels: Tensor, classes: int) -> Tensor:
    """(classes,) float32: N / (K·n_c) for N images of K occurring classes, n_c of them in class c.

    The mean over the images is 1 (King and Zeng 2001). A class without images has weight 0.
    """
    counts = labels.bincount(minlength=classes).float()
    occurring = counts.clamp(max=1)
    return occurring * len(labels) / (occurring.sum() * counts.clamp(min=1))


class EvaluationStep:
    """Evaluates the next batch of images; a smaller last batch is padded, and the padding ignored.

    Attributes:
        count: number of images to evaluate.
        batches: number of calls that evaluate all of them.
        cursor: () int64, the position in ``chosen`` of the next batch.
        sums: so far; the third is the number of correct images at even positions of ``chosen``.
        correct: (classes,) float64, the number of correct images so far, by class.
    """

    def __init__(
        self,
        forward: Callable[[Tensor], Tensor],
        images: Augmenter,
        labels: Tensor,
        chosen: Tensor,
        *,
        classes: int,
        largest_batch: int,
        precision: str,
    ) -> None:
        self.count = len(chosen)
        self.batches = -(-self.count // largest_batch)
        self.cursor = torch.zeros((), dtype=torch.int64, device=labels.device)
        self.sums = Sums(labels.device, 3)
        self.correct = torch.zeros(classes, dtype=torch.float64, device=labels.device)
        self._batch = -(-self.count // self.batches)
        self._forward = forward
        self._images = images
        self._labels = labels
        self._chosen = chosen
        self._positions = torch.arange(self._batch, device=labels.device)
        self._precision = precision

    @torch.inference_mode()
    def __call__(self) -> None:
        """Runs forward and adds to the sums."""
        rows = self.cursor + self._positions
        counted = rows < self.count
        chosen = self._chosen.index_select(0, rows.clamp(max=self.count - 1))
        labels = self._labels.index_select(0, chosen)
        with autocast(labels.device, self._precision):
            logits = self._forward(self._images.plain(chosen)).float()
        losses = F.cross_entropy(logits, labels, reduction="none")
        correct = (logits.argmax(1) == labels) & counted
        self.sums.add((losses * counted).sum(), correct.sum(), (correct & (rows % 2 == 0)).sum())
        self.correct.index_add_(0, labels, correct.double())
        self.cursor.add_(self._batch)
