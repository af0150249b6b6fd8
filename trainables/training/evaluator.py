"""Loss and accuracy of a network over some images."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from trainables.data.augment import Augmenter
from trainables.data.sources import UNEQUAL
from trainables.sizes.network import NetworkSize
from trainables.training.cuda_graphs import capture_cuda_graph
from trainables.training.steps import EvaluationStep

LARGEST_BATCH = {"cpu": 256, "cuda": 2048}  # images; activations of more leave a CPU's cache

ACTIVATION_BYTES = {"cpu": 2**29, "cuda": 2**32}
"""Of an evaluation's activations at once; the same on every machine, so that numbers are, too."""

COPIES = 2
"""Beside what a layer reads and writes, as much again: normalised, or kept for a sum further on."""


def evaluation_batch(size: NetworkSize, device: str) -> int:
    """How many images are evaluated at once: as many as fit, by the network's table of layers.

    The largest layer's float32 inputs, outputs and what is between its factors, twice, within 512
    MB on a CPU and 4 GB on a GPU. ResNet-9 takes the largest batch: its images have one size.

    Args:
        size: of the network.
        device: "cpu" or "cuda".
    """
    largest = LARGEST_BATCH[device]
    if size.architecture.table is None:
        return largest
    fitting = ACTIVATION_BYTES[device] // (4 * COPIES * size.activations)
    return max(1, min(largest, fitting))


BALANCED = "balanced_accuracy"
"""A value of the key ``metric``."""


class Evaluation(NamedTuple):
    """Mean loss in nats per image; accuracies in [0, 1], of all images and of every second one.

    balanced_accuracy: the mean over classes of the share of their images that is right (Brodersen
        et al. 2010). unequal: whether some classes have many more images than others.
    """

    loss: float
    accuracy: float
    half_accuracy: float
    balanced_accuracy: float
    unequal: bool

    def judged_by(self, metric: str) -> float:
        """The accuracy that the key ``metric`` names."""
        return self.balanced_accuracy if metric == BALANCED else self.accuracy


def epoch_metrics(name: str, found: Evaluation | None, metric: str) -> dict[str, float | None]:
    """What an epoch's metrics say of an evaluation; ``name`` is "val" or "test"."""
    if found is None:
        return {f"{name}_loss": None, f"{name}_accuracy": None}
    values = {
        f"{name}_loss": found.loss,
        f"{name}_accuracy": found.judged_by(metric),
        f"{name}_balanced_accuracy": found.balanced_accuracy if found.unequal else None,
    }
    halved = name == "val" and metric != BALANCED
    return {**values, **({"val_accuracy_half": found.half_accuracy} if halved else {})}


class Evaluator:
    """Evaluates as often as it is called; the network must be in evaluation mode.

    chosen: (N,) int64 indices into ``images`` and ``labels``, on any device.
    batch: images at once, see ``evaluation_batch``.
    """

    def __init__(
        self,
        forward: Callable[[Tensor], Tensor],
        images: Augmenter,
        labels: Tensor,
        chosen: Tensor,
        *,
        batch: int,
        classes: int,
        precision: str,
    ) -> None:
        device = labels.device
        self._step = EvaluationStep(
            forward,
            images,
            labels,
            chosen.to(device),
            classes=classes,
            largest_batch=batch,
            precision=precision,
        )
        self._images_by_class = labels[chosen.to(device)].bincount(minlength=classes).tolist()
        self._device = device
        self._replay: Callable[[], None] | None = None

    def __call__(self) -> Evaluation:
        """Evaluates once; waits for the device once."""
        step = self._step
        if self._replay is None:
            self._replay = capture_cuda_graph(
                step, [step.cursor, step.sums.values, step.correct], self._device
            )
        step.cursor.zero_()
        step.sums.values.zero_()
        step.correct.zero_()
        for _ in range(step.batches):
            self._replay()
        loss, correct, half, *by_class = torch.cat([step.sums.values, step.correct]).tolist()
        images = [count for count in self._images_by_class if count]
        shares = zip(by_class, self._images_by_class, strict=True)
        return Evaluation(
            loss / step.count,
            correct / step.count,
            half / -(-step.count // 2),
            sum(right / count for right, count in shares if count) / len(images),
            max(images) > UNEQUAL * min(images),
        )
