"""The split of training images: those that a trial trains on, and those that judge it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.config.train_config import BY_SEED, ConfigError, TrainConfig
from trainables.data.dataset import Dataset
from trainables.data.sources import class_quotas, count_images, misfit

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Indices into the training images, in ascending order; ``held_out`` may be empty."""

    train: Indices
    held_out: Indices

    @property
    def uses_test_set(self) -> bool:
        """Whether the trial is evaluated on the test set, because no image is held out."""
        return len(self.held_out) == 0


def split_training_images(config: TrainConfig, dataset: Dataset) -> Split:
    """Separates the validation images, then takes a subset of ``train_images`` of the rest.

    The validation images are the data set's own if it has any. Both steps are stratified and depend
    on ``data_seed``, or on ``seed`` where ``data_seed`` is -1. A smaller subset is part of a larger
    one. Trials with different ``train_images`` share their validation images.

    Raises:
        ConfigError: when there are fewer images than the configuration asks for, another number of
            classes, or images of another size.
    """
    if dataset.image_size != config.image_size:
        side = dataset.image_size
        raise ConfigError(
            [f"images of {dataset.name} were read as {side}×{side}, not as {config.image_size}"]
        )
    counts = dataset.counts
    if problem := misfit(config, counts):
        raise ConfigError([problem])
    held_out, needed = count_images(config, counts)
    seed = config.seed if config.data_seed == BY_SEED else config.data_seed
    order = np.random.default_rng([seed]).permutation(counts.train_images)
    if held_out and counts.own_validation:
        is_own = order >= counts.train_images - counts.own_validation
        validation, _ = _take(dataset.train_labels, order[is_own], held_out)
        rest = order[~is_own]
    else:
        validation, rest = _take(dataset.train_labels, order, held_out)
    train, _ = _take(dataset.train_labels, rest, needed)
    return Split(np.sort(train), np.sort(validation))


def spread_evenly(indices: Indices, count: int) -> Indices:
    """Up to ``count`` of the indices, evenly spaced, as a folder's images are sorted by class."""
    if count >= len(indices):
        return indices
    return indices[np.arange(count) * len(indices) // count]


def _take(labels: NDArray[np.int64], order: Indices, count: int) -> tuple[Indices, Indices]:
    """The first ``count`` of ``order``, with equal shares of each class, and the rest, in order."""
    ordered_labels = labels[order]
    quotas = class_quotas(np.bincount(ordered_labels).tolist(), count)
    position = np.empty(len(order), np.int64)  # of each image among those of its class
    for label, quota in enumerate(quotas):
        members = ordered_labels == label
        position[members] = np.arange(members.sum()) - quota
    return order[position < 0], order[position >= 0]
