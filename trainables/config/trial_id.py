"""A trial's id: a readable name and a hash of everything that decides its numbers."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from typing import Any

from trainables.architectures.architecture import Architecture
from trainables.architectures.network_size import NetworkSize
from trainables.architectures.ranks import write_ranks
from trainables.config.former_names import former_name
from trainables.config.resolution import OPEN_KEYS, UNKNOWN, Facts, without_written_defaults
from trainables.config.starting_point import split_init
from trainables.config.starting_weights import split_weights
from trainables.config.tables import split_network
from trainables.config.train_config import RECIPE_VERSION, TrainConfig, factor_decays
from trainables.text.call import called_name


def trial_id(config: TrainConfig, size: NetworkSize) -> str:
    """The trial's id: a readable name and a hash of the resolved configuration.

    Configurations that build the same network and train it equally have the same id, however their
    ranks are written. Only keys that differ from their defaults are hashed, so that a new key
    changes no old id.
    """
    digest = hashlib.blake2b(
        json.dumps(_content(config, size), sort_keys=True).encode(), digest_size=5
    )
    modes = next((layer.modes for layer in size.layers if layer.modes), ())
    dims = f"-d{len(modes)}" if modes else ""
    foreign = size.architecture.table is not None
    layer = former_name("layer", size.family if foreign else config.layer)
    network = f"{_stem(config.network)}-" if foreign else ""
    return (
        f"{network}{layer}{dims}-{_short(size.parameters)}-seed{config.seed}-{digest.hexdigest()}"
    )


def _content(config: TrainConfig, size: NetworkSize) -> dict[str, Any]:
    """What is hashed: the resolved network, and every key that differs from its default."""
    resolved = {"network", *(field.name for field in dataclasses.fields(Architecture))}
    scaling = {"weight_decay_scaling", "weight_decay_reference", "weight_decay_ratio"}
    content = {
        name: former_name(name, value)
        for name, value in config.changed().items()
        if name not in resolved | scaling
    }
    if config.init:  # the folder's content counts, not its path
        content["init"] = split_init(config.init)[1]
    if config.weights:
        content["weights"] = split_weights(config.weights)[1]
    decays = factor_decays(config, size)
    if any(decay != config.weight_decay for decay in decays):
        content["factor_decays"] = decays
    layer, *shape = size.identity
    network = (former_name("layer", layer), *shape)
    return {**content, "network": network, "recipe": RECIPE_VERSION}


def _stem(network: str) -> str:
    """A network's name as part of a file's: torchvision:resnet18#… -> resnet18."""
    name = called_name(split_network(network)[0]).rpartition(":")[2]
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def _short(count: int) -> str:
    """A count in three digits: 79248 → 79.2k."""
    for unit, divisor in (("M", 1_000_000), ("k", 1_000)):
        if count >= divisor:
            return f"{count / divisor:.3g}{unit}"
    return str(count)


def twin(config: TrainConfig, size: NetworkSize) -> TrainConfig | None:
    """The same training run in terms of another family; None where there is no such family.

    A tensor train over the two dimensions of each matrix is the low-rank network: its cores are the
    two factors, and both are initialised by truncating the same random matrix. The 2018 study
    initialised them differently, so that under its protocols they are two networks.
    """
    if config.layer != "tensor_train" or config.protocol != "corrected" or config.init:
        return None
    factorised = [layer for layer in size.layers if layer.family != "dense"]
    sides = ((layer.spec.out_channels, layer.spec.in_channels) for layer in factorised)
    if any(layer.modes != pair for layer, pair in zip(factorised, sides, strict=True)):
        return None
    sizes = dict.fromkeys(("rank_divisor", "rank_scale", "rank", "parameters", "compression"))
    ranks = write_ranks(layer.ranks for layer in size.layers)
    return config.with_values(layer="low_rank", dims=3, **sizes, ranks=ranks)


def canonical(config: TrainConfig, data: Facts = UNKNOWN) -> TrainConfig:
    """The configuration that names the trial, in which no default is written out.

    The same object is returned where there is none.
    """
    if all(getattr(config, name) is None for name in OPEN_KEYS):
        return config
    keys = without_written_defaults(config.to_dict(), data)
    same = all(getattr(config, name) == keys[name] for name in OPEN_KEYS)
    return config if same else dataclasses.replace(config, **{n: keys[n] for n in OPEN_KEYS})
