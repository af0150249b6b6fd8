"""Which images a trial trains on and which it is judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.config.train_config import ConfigError, TrainConfig
from trainables.data.dataset import Dataset
from trainables.data.sources import count_images

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Indices into the training images, in ascending order; ``held_out`` may be empty."""

    train: Indices
    held_out: Indices

    @property
    def uses_test_set(self) -> bool:
        """Whether the trial is evaluated on the test set, there being nothing else."""
        return len(self.held_out) == 0


def split_training_images(config: TrainConfig, dataset: Dataset) -> Split:
    """Cuts the validation images, then takes a subset of ``train_images`` of the rest.

    Both cuts are stratified and fixed by ``data_seed``. A smaller subset is part of a larger one,
    so that trials of different ``train_images`` share their validation images.

    Raises:
        ConfigError: when there are fewer images than the configuration asks for.
    """
    available = len(dataset.train_labels)
    if problem := misfit(config, available, dataset.validation_images):
        raise ConfigError([problem])
    held_out, wanted = count_images(config, available, dataset.validation_images)
    order = np.random.default_rng([config.data_seed]).permutation(available)
    validation, rest = _take(dataset.train_labels, order, held_out)
    train, _ = _take(dataset.train_labels, rest, wanted)
    return Split(np.sort(train), np.sort(validation))


def misfit(config: TrainConfig, available: int, default_held_out: int) -> str:
    """What is wrong with the numbers of images, "" when nothing is.

    ``available`` counts the data set's training images, ``default_held_out`` those that it holds
    out for validation unless told otherwise.
    """
    held_out, wanted = count_images(config, available, default_held_out)
    if held_out + max(wanted, 1) > available:
        return (
            f"{config.dataset} has {available:,} training images; {held_out:,} for validation and "
            f"{wanted:,} to train on do not fit: lower validation_images or train_images"
        )
    if wanted < config.batch_size:
        return f"batch_size {config.batch_size} is more than the {wanted:,} images to train on"
    return ""


def _take(labels: NDArray[np.int64], order: Indices, count: int) -> tuple[Indices, Indices]:
    """The first ``count`` of ``order``, each class in its share, and what is left, in order."""
    mine = labels[order]
    quotas = _quotas(np.bincount(mine), count)
    position = np.empty(len(order), np.int64)  # of each image among those of its class
    for label, quota in enumerate(quotas):
        members = mine == label
        position[members] = np.arange(members.sum()) - quota
    return order[position < 0], order[position >= 0]


def _quotas(counts: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """``total`` shared out in proportion to ``counts``; largest remainders get what is left
    over."""
    exact = counts * (total / counts.sum())
    quotas = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(quotas - exact, kind="stable")
    quotas[by_remainder[: total - quotas.sum()]] += 1
    return quotas
