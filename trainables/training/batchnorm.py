"""BatchNorm's statistics measured anew, after its convolutions have changed."""

from __future__ import annotations

import torch
from torch import nn

from trainables.config.train_config import TrainConfig
from trainables.data.augment import Augmenter
from trainables.data.dataset import Dataset
from trainables.data.device_data import copy_to_device
from trainables.data.split import split_training_images, spread_evenly
from trainables.training.evaluator import evaluation_batch


def batchnorms(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """The normalisations that keep statistics of what they have seen."""
    return [
        module
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats
    ]


@torch.no_grad()
def measure_batchnorm(network: nn.Module, config: TrainConfig, data: Dataset, images: int) -> None:
    """Running means and variances over up to ``images`` training images, as they are, in place.

    The images are evenly spaced over the data set.

    A decomposition lowers the variance of what a convolution puts out; statistics of the
    undecomposed one then scale every layer wrongly. Nothing else of the network trains: dropout
    drops nothing. A network without BatchNorm stays what it is.
    """
    norms = batchnorms(network)
    if not norms:
        return
    chosen = torch.from_numpy(spread_evenly(split_training_images(config, data).train, images))
    pixels = copy_to_device(data, torch.device("cpu")).train_pixels
    augmenter = Augmenter(pixels, data.mean, data.std)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over the batches
    network.eval()
    for norm in norms:
        norm.train()
    at_once = evaluation_batch(config.network_size(), "cpu")
    for batch in chosen.split(max(2, at_once)):  # of one image there may be nothing to average
        network(augmenter.plain(batch))
    network.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
