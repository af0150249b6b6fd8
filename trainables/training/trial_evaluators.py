"""The evaluations of a trial: on its held-out images and on the test set."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from trainables.architectures.network_size import NetworkSize
from trainables.data.augment import Augmenter
from trainables.data.device_data import DeviceData
from trainables.data.split import Split
from trainables.training.evaluator import Evaluator, evaluation_batch


class TrialEvaluators:
    """One evaluator per set of images, made at its first use: few trials need both.

    Args:
        forward: the network.
        device_data: images and labels on the device.
        split: which training images are held out.
        augmenter: makes an Augmenter from a set's pixels.
        size: of the network.
        classes: number of classes.
        precision: number format of the forward pass.
    """

    def __init__(
        self,
        forward: Callable[[Tensor], Tensor],
        device_data: DeviceData,
        split: Split,
        augmenter: Callable[[Tensor], Augmenter],
        *,
        size: NetworkSize,
        classes: int,
        precision: str,
    ) -> None:
        self._forward = forward
        self._device_data = device_data
        self._split = split
        self._augmenter = augmenter
        self._size = size
        self._classes = classes
        self._precision = precision

    @functools.cached_property
    def held_out(self) -> Evaluator:
        """Of the training images that were held out."""
        chosen = torch.from_numpy(self._split.held_out)
        return self._evaluator(
            self._device_data.train_pixels, self._device_data.train_labels, chosen
        )

    @functools.cached_property
    def test(self) -> Evaluator:
        """Of the whole test set."""
        labels = self._device_data.test_labels
        return self._evaluator(self._device_data.test_pixels, labels, torch.arange(len(labels)))

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
