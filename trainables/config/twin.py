"""One network under the names of two families."""

from __future__ import annotations

from trainables.config.train_config import TrainConfig
from trainables.sizes.network import NetworkSize
from trainables.sizes.ranks import write_ranks


def twin(config: TrainConfig, size: NetworkSize) -> TrainConfig | None:
    """The same training run as another family writes it; None where no other family can.

    A tensor train over the two sides of each matrix is the low-rank network: its cores are the two
    factors, and both are drawn by cutting the same random matrix. The 2018 study drew them in
    different ways, so that under its protocols they are two networks.
    """
    trains = config.layer == "tensor_train" and size.architecture.table is None
    if not trains or config.protocol != "corrected" or config.init:
        return None
    sides = ((layer.spec.out_channels, layer.spec.in_channels) for layer in size.layers)
    if any(layer.modes != own for layer, own in zip(size.layers, sides, strict=True)):
        return None
    sizes = dict.fromkeys(("rank_divisor", "rank_scale", "rank", "parameters", "compression"))
    ranks = write_ranks(layer.ranks for layer in size.layers)
    return config.with_values(layer="low_rank", dims=3, **sizes, ranks=ranks)
