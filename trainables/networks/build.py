"""Making the network of a size, ready to train."""

from __future__ import annotations

import torch
from torch import nn

from trainables.networks.registry import make_module
from trainables.networks.resnet9 import build_resnet9
from trainables.networks.start import start_from_weights
from trainables.networks.substitute import substitute
from trainables.sizes.network import NetworkSize


def build_network(
    size: NetworkSize, *, batch: int, seed: int, init: str = "kaiming", weights: str = ""
) -> nn.Module:
    """A network with freshly drawn parameters, in float32 on the CPU, channels last.

    ``batch`` decides which route a layer takes. ``init`` is ResNet-9's alone, see
    ``build_resnet9``; any other network draws its own initial weights, or starts from ``weights``,
    and the factors start from those that they replace: from drawn ones with their norm, from
    trained ones as near as the ranks allow.

    Raises:
        NetworkError: when it is not the network of the table any more, since its library was
            changed, and where ``weights`` cannot be read or do not fit.
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
    return network.to(memory_format=torch.channels_last)
