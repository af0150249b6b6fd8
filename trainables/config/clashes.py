"""Values that are valid alone but not together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainables.architectures.ranks import read_ranks
from trainables.config.starting_weights import read_normalization
from trainables.sizes.registry import SIZES
from trainables.sizes.size_keys import BUDGET_KEYS, given_sizes, size_problem

LARGEST_ADAMW_RATE = 0.1
"""AdamW moves a weight by about the rate in every step, so that SGD's rates destroy a network."""


def network_clashes(keys: Mapping[str, Any]) -> list[str]:
    """What is wrong with the size, the ranks and the start of the network.

    Args:
        keys: every key, each with a value of its type.
    """
    layer, protocol = keys["layer"], keys["protocol"]
    if keys["init"] and protocol != "corrected":
        return [f"protocol {protocol!r} draws its own initialisation, got an init too; drop one"]
    if keys["init"] and keys["weights"]:
        return ["init and weights both say what training starts from; drop one"]
    ranked = layer in SIZES and SIZES[layer].ranked
    if problem := size_problem(layer, keys, ranked=ranked):
        return [problem]
    ranks = [name for name in given_sizes(keys) if name not in BUDGET_KEYS]
    if keys["ranks"] is not None:
        try:
            read_ranks(keys["ranks"])
        except ValueError as problem:
            return [str(problem)]
    if layer in SIZES and not ranked and ranks:
        return [f"layer {layer!r} has no rank, got {ranks[0]}={keys[ranks[0]]}; drop it"]
    return []


def training_clashes(keys: Mapping[str, Any]) -> list[str]:
    """What is wrong with the optimiser, the batch and the normalisation; of every key."""
    problems = []
    optimizer, rate = keys["optimizer"], keys["learning_rate"]
    if optimizer != "sgd" and keys["protocol"] != "corrected":
        problems.append(
            f"protocol {keys['protocol']!r} repeats what the 2018 study did with sgd, got "
            f"optimizer={optimizer}; drop one"
        )
    if optimizer == "adamw" and rate > LARGEST_ADAMW_RATE:
        problems.append(
            f"learning_rate must be at most {LARGEST_ADAMW_RATE} with optimizer=adamw, got {rate}; "
            "learning_rate=none takes adamw's own"
        )
    micro, batch = keys["micro_batch"], keys["batch_size"]
    if micro is not None and micro > batch:
        problems.append(f"micro_batch must be at most batch_size ({batch}), got {micro}")
    try:
        read_normalization(keys["normalization"])
    except ValueError as problem:
        problems.append(str(problem))
    return problems


def image_clashes(keys: Mapping[str, Any]) -> list[str]:
    """Values of image_size, crop, cutout, random_resized_crop that do not go together."""
    side, crop, cutout = keys["image_size"], keys["crop"], keys["cutout"]
    problems = []
    if crop is not None and crop >= side:
        problems.append(
            f"crop pads by reflection, so that it must be below image_size ({side}), got {crop}"
        )
    if cutout is not None and cutout > side:
        problems.append(f"cutout must be at most image_size ({side}), got {cutout}")
    if crop and keys["random_resized_crop"]:
        problems.append(
            f"random_resized_crop takes the place of crop, got both ({crop} and "
            f"{keys['random_resized_crop']}); drop one"
        )
    return problems
