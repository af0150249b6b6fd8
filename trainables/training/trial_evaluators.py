"""What a trial is evaluated on: its held-out images and the test set."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from trainables.data.augment import Augmenter
from trainables.data.device_data import DeviceData
from trainables.data.split import Split
from trainables.sizes.network import NetworkSize
from trainables.training.evaluator import Evaluator, evaluation_batch


class TrialEvaluators:
    """An evaluator of each set of images, made when it is first asked for: few trials need both.

    augmenter: makes of a set's pixels what an evaluator reads images from.
    """

    def __init__(
        self,
        forward: Callable[[Tensor], Tensor],
        placed: DeviceData,
        split: Split,
        augmenter: Callable[[Tensor], Augmenter],
        *,
        size: NetworkSize,
        classes: int,
        precision: str,
    ) -> None:
        self._forward = forward
        self._placed = placed
        self._split = split
        self._augmenter = augmenter
        self._size = size
        self._classes = classes
        self._precision = precision

    @functools.cached_property
    def held_out(self) -> Evaluator:
        """Of the training images that were held out."""
        chosen = torch.from_numpy(self._split.held_out)
        return self._evaluator(self._placed.train_pixels, self._placed.train_labels, chosen)

    @functools.cached_property
    def test(self) -> Evaluator:
        """Of the whole test set."""
        labels = self._placed.test_labels
        return self._evaluator(self._placed.test_pixels, labels, torch.arange(len(labels)))

    def _evaluator(self, pixels: Tensor, labels: Tensor, chosen: Tensor) -> Evaluator:
        return Evaluator(
            self._forward,
            self._augmenter(pixels),
            labels,
            chosen,
            batch=evaluation_batch(self._size, labels.device.type),
            classes=self._classes,
            precision=self._precision,
        )
