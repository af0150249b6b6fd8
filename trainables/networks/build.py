"""Builds the network of a size, ready to train."""

from __future__ import annotations

import torch
from torch import nn

from trainables.architectures.network_size import NetworkSize
from trainables.layers.memory_format import with_kernels_last
from trainables.networks.registry import make_module
from trainables.networks.resnet9 import build_resnet9
from trainables.networks.start import start_from_weights
from trainables.networks.substitute import substitute


def build_network(
    size: NetworkSize, *, batch: int, seed: int, init: str = "kaiming", weights: str = ""
) -> nn.Module:
    """An initialised network, in float32 on the CPU, channels last.

    ``batch`` decides which route a layer takes. ``init`` applies to ResNet-9 only, see
    ``build_resnet9``. Any other network initialises its weights itself, or starts from ``weights``.
    Factors start as a decomposition of the weights that they replace: of random weights with their
    norm, of trained weights as closely as the ranks allow.

    Raises:
        NetworkError: when the network has changed since its table was made, with its library; and
            where ``weights`` cannot be read or do not fit.
    """
    table = size.architecture.table
    if table is None:
        return build_resnet9(size, batch=batch, seed=seed, init=init)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = make_module(table)
    if weights:
        start_from_weights(module, table, weights)
    network = substitute(module, size, batch=batch, seed=seed, trained=bool(weights))
    return with_kernels_last(network)
