"""Loss and accuracy of a network over some images."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from trainables.architectures.network_size import NetworkSize
from trainables.data.augment import Augmenter
from trainables.data.sources import UNEQUAL
from trainables.training.cuda_graphs import capture_cuda_graph
from trainables.training.steps import EvaluationStep

LARGEST_BATCH = {"cpu": 256, "cuda": 2048}  # images; activations of more leave a CPU's cache

ACTIVATION_BYTES = {"cpu": 2**29, "cuda": 2**32}
"""Memory for an evaluation's activations; constants, so that every machine uses equal batches."""

COPIES = 2
"""Activations exist twice: a layer's own, and those that are normalised or kept for a later sum."""


def evaluation_batch(size: NetworkSize, device: str) -> int:
    """The number of images to evaluate at once: as many as fit into ``ACTIVATION_BYTES``.

    The largest layer counts, with its float32 inputs, outputs and the activations between its
    factors, times ``COPIES``. ResNet-9 always takes the largest batch: its images have one size.

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
    """The result of an evaluation: mean loss in nats per image, and accuracies in [0, 1].

    Attributes:
        loss: mean over all images.
        accuracy: of all images.
        half_accuracy: of every second image.
        balanced_accuracy: the mean over classes of the share of their images that is classified
            correctly (Brodersen et al. 2010).
        unequal: whether some classes have many more images than others.
    """

    loss: float
    accuracy: float
    half_accuracy: float
    balanced_accuracy: float
    unequal: bool

    def judged_by(self, metric: str) -> float:
        """The accuracy that the key ``metric`` names."""
        return self.balanced_accuracy if metric == BALANCED else self.accuracy


def epoch_metrics(name: str, evaluation: Evaluation | None, metric: str) -> dict[str, float | None]:
    """An evaluation as fields of ``EpochMetrics``; ``name`` is "val" or "test"."""
    if evaluation is None:
        return {f"{name}_loss": None, f"{name}_accuracy": None}
    values = {
        f"{name}_loss": evaluation.loss,
        f"{name}_accuracy": evaluation.judged_by(metric),
        f"{name}_balanced_accuracy": evaluation.balanced_accuracy if evaluation.unequal else None,
    }
    halved = name == "val" and metric != BALANCED
    return {**values, **({"val_accuracy_half": evaluation.half_accuracy} if halved else {})}


class Evaluator:
    """Evaluates the network at each call; the network must be in evaluation mode.

    Args:
        forward: the network.
        images: (M, …), from which batches are read without augmentation.
        labels: (M,) int64, on the device.
        chosen: (N,) int64 indices into ``images`` and ``labels``, on any device.
        batch: images at once, see ``evaluation_batch``.
        classes: number of classes.
        precision: number format of the forward pass.
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
        """Evaluates once; synchronises with the device once, at the end."""
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
            sum(correct_in_class / count for correct_in_class, count in shares if count)
            / len(images),
            max(images) > UNEQUAL * min(images),
        )
