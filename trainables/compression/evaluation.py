"""Evaluates a network on the images that its trial held out from training."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from trainables.compression.trained import Trained
from trainables.config.train_config import TrainConfig
from trainables.data.augment import Augmenter
from trainables.data.dataset import Dataset, normalized
from trainables.data.datasets.registry import load_dataset
from trainables.data.device_data import copy_to_device
from trainables.data.sources import DatasetError, requested_data
from trainables.data.split import split_training_images, spread_evenly
from trainables.training.evaluator import Evaluator, evaluation_batch


@dataclass(frozen=True, slots=True)
class Score:
    """The result of an evaluation.

    Attributes:
        loss: cross-entropy in nats per image.
        accuracy: a fraction in [0, 1].
        images: how many images were held out.
    """

    loss: float
    accuracy: float
    images: int


def load_data(trained: Trained, data_dir: Path | None) -> Dataset:
    """The images that the trial was trained on.

    Raises:
        DatasetError: when the images are absent or damaged, or differ from those of the trial.
    """
    # Files that the trial skipped are skipped again; the checksum tells whether the others are the
    # images of the trial.
    request = dataclasses.replace(requested_data(trained.config, data_dir), skip_unreadable=True)
    data = load_dataset(request)
    if trained.dataset_checksum not in ("", data.checksum):
        raise DatasetError(
            f"{trained.trial_id} was trained on other images of {data.name!r}: their checksum was "
            f"{trained.dataset_checksum[:8]}, that of the images found is {data.checksum[:8]}; "
            "name the folder of its own images with --data-dir"
        )
    return normalized(data, trained.config.normalization)


def evaluate(network: nn.Module, config: TrainConfig, data: Dataset) -> Score | None:
    """Evaluates the network in float32 on the CPU; None where the trial held out no images.

    The network is switched to evaluation mode. The test set is never read.
    """
    chosen = torch.from_numpy(split_training_images(config, data).held_out)
    if not len(chosen):
        return None
    augmenter, labels = _on_cpu(data)
    evaluator = Evaluator(
        network.eval(),
        augmenter,
        labels,
        chosen,
        batch=evaluation_batch(config.network_size(), "cpu"),
        classes=config.classes,
        precision="fp32",
    )
    result = evaluator()
    return Score(result.loss, result.judged_by(config.metric), images=len(chosen))


def held_out_batches(
    config: TrainConfig, data: Dataset, batch: int = 256
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields normalised held-out images (B, 3, H, W) and their labels (B,), if any are held out."""
    augmenter, labels = _on_cpu(data)
    chosen = torch.from_numpy(split_training_images(config, data).held_out)
    for part in chosen.split(batch):
        yield augmenter.plain(part), labels[part]


def training_images(config: TrainConfig, data: Dataset, count: int) -> Tensor:
    """Up to ``count`` normalised training images (B, 3, H, W), evenly spaced over the data set."""
    chosen = torch.from_numpy(spread_evenly(split_training_images(config, data).train, count))
    return _on_cpu(data)[0].plain(chosen)


def read_images(config: TrainConfig, data: Dataset, count: int) -> Tensor:
    """Up to ``count`` normalised images (B, 3, H, W): held-out images, or training ones if none."""
    split = split_training_images(config, data)
    chosen = spread_evenly(split.train if split.uses_test_set else split.held_out, count)
    images = _on_cpu(data)[0].plain(torch.from_numpy(chosen))
    return images.contiguous(memory_format=torch.channels_last)


def _on_cpu(data: Dataset) -> tuple[Augmenter, Tensor]:
    """The training images, to be normalised, and their labels (N,)."""
    device_data = copy_to_device(data, torch.device("cpu"))
    return Augmenter(device_data.train_pixels, data.mean, data.std), device_data.train_labels
