"""Keys that stand for something else: a network, a start, an optimiser's own rate. Settled once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainables.config.starting_point import ARCHITECTURE, read_starting_point, split_init
from trainables.config.starting_weights import (
    read_normalization,
    resolve_weights,
    split_weights,
    write_normalization,
)
from trainables.config.tables import TableError, load_table, resolve_network, split_network
from trainables.config.torch_process import TorchProcessError
from trainables.sizes.registry import SIZES
from trainables.sizes.resnet9 import IMAGE_SIDE, RESNET9
from trainables.sizes.selection import SelectionError, chosen_rows
from trainables.sizes.size_keys import SIZE_KEYS

CORRECTED = "corrected"
WIDTH = 64
"""The width of ResNet-9, unless another is given."""


def content(key: str, value: Any) -> Any:
    """What a resolved value is, wherever its file or folder lies; of another key the value."""
    if key == "network" and isinstance(value, str):
        return split_network(value)[1] or value
    if key in ("init", "weights") and isinstance(value, str):
        return split_init(value)[1] or value
    return value


OPTIMIZER_DEFAULTS: Mapping[str, Mapping[str, float]] = {
    # cifar10-fast, dawn.py (Page 2018)
    "sgd": {"learning_rate": 0.4, "weight_decay": 5e-4},
    # the rate is Adam's (Kingma and Ba 2015), the decay DeiT's and ConvNeXt's (Touvron et al. 2021,
    # Liu et al. 2022)
    "adamw": {"learning_rate": 1e-3, "weight_decay": 0.05},
}
"""What an optimiser takes where no rate and no decay are given."""


def with_optimizer_defaults(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The keys with the optimiser's own rate and decay where these are absent or None."""
    chosen = raw.get("optimizer", "sgd")
    defaults = OPTIMIZER_DEFAULTS.get(chosen, {}) if isinstance(chosen, str) else {}
    given = {
        name: value for name, value in raw.items() if name not in defaults or value is not None
    }
    return {**defaults, **given}


def with_weights(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The keys with digest and normalisation of the weights; what is wrong with them.

    They are looked at where their digest or their normalisation is not there yet: a configuration
    that came from here needs the file no more. The network must be resolved.
    """
    values = _with_plain_normalization(dict(raw))
    weights, network = values.get("weights", ""), values.get("network", RESNET9)
    if not isinstance(weights, str) or not weights:
        return values, []
    name, digest = split_weights(weights)
    if digest is not None and "normalization" in values:
        return values, []
    if network == RESNET9:
        return values | {"weights": ""}, [
            f"weights start any network but resnet9, got {name!r}; resnet9 starts from init, a "
            "folder that compress wrote"
        ]
    if split_network(str(network))[1] is None:
        return values, []  # what is wrong with the network is told
    side, classes = values.get("image_size", IMAGE_SIDE), values.get("classes", 10)
    try:
        resolved, found = resolve_weights(name, network, image_size=side, classes=classes)
    except TorchProcessError as problem:
        return values, problem.problems
    if digest not in (None, found.digest):
        changed = f"weights: {name} was written again: it was {digest}, it is {found.digest}"
        return values, [f"{changed}; name the file alone to start from what it is"]
    given = values.get("normalization")
    expected = found.normalization if given is None else given
    return {**values, "weights": resolved, "normalization": expected}, []


def _with_plain_normalization(values: dict[str, Any]) -> dict[str, Any]:
    """One way of writing each normalisation, so that the same one is the same trial."""
    text = values.get("normalization")
    if not isinstance(text, str):
        return values
    try:
        read = read_normalization(text)
    except ValueError:
        return values  # told where keys are compared
    return {**values, "normalization": write_normalization(*read) if read else ""}


def with_network(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The keys with the digest of another network than ResNet-9, and what is wrong with it."""
    values = dict(raw)
    network = values.get("network", RESNET9)
    if not isinstance(network, str):
        return values, []  # told where it is parsed
    if split_network(network)[0] == RESNET9:
        return values, _resnet9_problems(values)
    problems = []
    if values.get("protocol", CORRECTED) != CORRECTED:
        problems.append(
            f"protocol {values['protocol']!r} repeats what the 2018 study did with resnet9, "
            f"got {network}; drop it"
        )
    if values.get("width", WIDTH) != WIDTH:
        problems.append(f"width is resnet9's, got {values['width']} for {network}; drop it")
    image_size, classes = values.get("image_size", IMAGE_SIDE), values.get("classes", 10)
    if type(image_size) is not int or type(classes) is not int:
        return values, problems
    try:
        values["network"] = resolve_network(network, image_size=image_size, classes=classes)
        table = load_table(values["network"], image_size=image_size, classes=classes)
        if table is not None:
            chosen_rows(table, str(values.get("replace", "")), str(values.get("keep", "")))
    except (TableError, SelectionError) as problem:
        problems += problem.problems
    return values, problems


def _brings(name: str, given: Any, own: Any) -> bool:
    """Whether a key was given as a starting point has it; a network by its name alone, too."""
    if content(name, given) == content(name, own):
        return True
    return name == "network" and given == split_network(own)[0]


def _resnet9_problems(values: Mapping[str, Any]) -> list[str]:
    problems = [
        f"{name} chooses layers of another network; resnet9 replaces its seven: drop it"
        for name in ("replace", "keep")
        if values.get(name)
    ]
    if values.get("image_size", IMAGE_SIDE) != IMAGE_SIDE:
        problems.append(
            f"resnet9 takes images of {IMAGE_SIDE} pixels, got {values['image_size']}: "
            "drop image_size, or name a network that takes any size"
        )
    return problems


def with_start(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The keys with what a starting point decides; what contradicts it.

    Its folder is read where its network does not stand beside it: a configuration that came from
    here needs the folder no more.
    """
    values, init = dict(raw), raw.get("init")
    if not isinstance(init, str) or not init:
        return values, []
    folder, digest = split_init(init)
    if digest is not None and _has_architecture(raw):
        return values, []
    try:
        start = read_starting_point(folder)
    except ValueError as problem:
        return values, [str(problem)]
    if digest not in (None, start.digest):
        changed = f"init: {folder} was written again: it was {digest}, it is {start.digest}"
        return values, [f"{changed}; name the folder alone to start from what it is"]
    sizes = [name for name in SIZE_KEYS if name != "ranks" and values.get(name) is not None]
    drop = "(--set {0}=none drops it)".format
    problems = [
        f"init brings its own size: {name} must not be given {drop(name)}" for name in sizes
    ]
    problems += [
        f"init brings a network of {name} {own}: no other can be given {drop(name)}"
        for name, own in start.architecture.items()
        if values.get(name) is not None and not _brings(name, values[name], own)
    ]
    side = values.get("image_size", IMAGE_SIDE)
    if start.image_size is not None and side != start.image_size:
        problems.append(
            f"init brings a network for images of {start.image_size} pixels, got image_size {side}"
        )
    kept = {name: value for name, value in values.items() if name not in sizes}
    return {**kept, **start.architecture, "init": start.init}, problems


def _has_architecture(values: Mapping[str, Any]) -> bool:
    """Whether all that a starting point decides is there; a family without a rank has no ranks."""
    layer = values.get("layer")
    unranked = {"ranks"} if layer in SIZES and not SIZES[layer].ranked else set()
    return values.keys() >= {*ARCHITECTURE} - unranked
