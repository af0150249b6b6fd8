"""One training step and one evaluation step, as functions of static buffers on a device.

Nothing here waits for the device or reads a number back, so that a GPU can capture a step once as
a graph and replay it; the CPU calls the same functions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.data.augment import Augmenter
from trainables.training.nesterov import Nesterov

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """Convolutions and matrix products in ``precision``; parameters and BatchNorm stay float32."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=DTYPES[precision])


class Sums:
    """Running sums over images: (count,) float64 on the device.

    The first is of losses, the second of right answers; what others are, who adds them knows.
    """

    def __init__(self, device: torch.device, count: int = 2) -> None:
        self.values = torch.zeros(count, dtype=torch.float64, device=device)

    def add(self, *sums: Tensor) -> None:
        """Adds a batch's sums, scalars."""
        self.values.add_(torch.stack([one.detach().double() for one in sums]))

    def means(self, images: int) -> tuple[float, float]:
        """Mean loss and accuracy over ``images``; waits for the device."""
        loss, correct = self.values[:2].tolist()
        return loss / images, correct / images


class TrainStep:
    """Trains on the next batch of an epoch.

    draws: (images, 3 or 7) int64, see ``draw_epoch``; filled anew for each epoch.
    cursor: () int64, the first row of the next batch.
    """

    def __init__(
        self,
        forward: Callable[[Tensor], Tensor],
        optimizer: Nesterov,
        images: Augmenter,
        labels: Tensor,
        *,
        batch: int,
        draws: int,
        label_smoothing: float,
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
        self._positions = torch.arange(batch, device=device)
        self._label_smoothing = label_smoothing
        self._precision = precision
        self._penalties = penalties
        # fp16 gradients vanish below 6e-8; the original summed losses over the batch, which scales
        # alike.
        self._loss_scale = float(batch) if precision == "fp16" else 1.0

    def __call__(self) -> None:
        """Augment, forward, backward, update, count."""
        draws = self.draws.index_select(0, self.cursor + self._positions)
        labels = self._labels.index_select(0, draws[:, 0])
        images = self._images.augmented(draws)
        with autocast(labels.device, self._precision):
            logits = self._forward(images).float()
        loss = F.cross_entropy(logits, labels, label_smoothing=self._label_smoothing)
        self._optimizer.zero_grad()
        self._backward(loss)
        self._optimizer.step()
        self.sums.add(loss.detach() * len(labels), (logits.argmax(1) == labels).sum())
        self.cursor.add_(len(labels))

    def _backward(self, loss: Tensor) -> None:
        for layer, penalty in self._penalties:
            loss = loss + penalty / 2 * layer.kernel().square().sum()
        (loss * self._loss_scale).backward()
        if self._loss_scale != 1.0:
            found = (parameter.grad for parameter in self._optimizer.momentum_buffers)
            gradients = [gradient for gradient in found if gradient is not None]
            torch._foreach_div_(gradients, self._loss_scale)


class EvaluationStep:
    """Evaluates the next batch of images; a last, smaller one is padded and the padding ignored.

    ``sums`` has a third number: the right answers at even positions of ``chosen``.
    """

    def __init__(
        self,
        forward: Callable[[Tensor], Tensor],
        images: Augmenter,
        labels: Tensor,
        chosen: Tensor,
        *,
        largest_batch: int,
        precision: str,
    ) -> None:
        self.count = len(chosen)
        self.batches = -(-self.count // largest_batch)
        self.cursor = torch.zeros((), dtype=torch.int64, device=labels.device)
        self.sums = Sums(labels.device, 3)
        self._batch = -(-self.count // self.batches)
        self._forward = forward
        self._images = images
        self._labels = labels
        self._chosen = chosen
        self._positions = torch.arange(self._batch, device=labels.device)
        self._precision = precision

    @torch.inference_mode()
    def __call__(self) -> None:
        """Forward and count."""
        rows = self.cursor + self._positions
        counted = rows < self.count
        chosen = self._chosen.index_select(0, rows.clamp(max=self.count - 1))
        labels = self._labels.index_select(0, chosen)
        with autocast(labels.device, self._precision):
            logits = self._forward(self._images.plain(chosen)).float()
        losses = F.cross_entropy(logits, labels, reduction="none")
        correct = (logits.argmax(1) == labels) & counted
        self.sums.add((losses * counted).sum(), correct.sum(), (correct & (rows % 2 == 0)).sum())
        self.cursor.add_(self._batch)
