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
    """The normalisations that keep running statistics."""
    return [
        module
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats
    ]


@torch.no_grad()
def measure_batchnorm(network: nn.Module, config: TrainConfig, data: Dataset, images: int) -> None:
    """Measures running means and variances in place, on up to ``images`` training images.

    The images are evenly spaced over the data set and not augmented.

    A decomposition lowers the variance of a convolution's output. The statistics of the dense
    network would then scale every layer wrongly. Nothing else of the network changes, and dropout
    is off. A network without BatchNorm is left as it is.
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
    for batch in chosen.split(max(2, at_once)):  # a batch of one image may have no variance
        network(augmenter.plain(batch))
    network.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
