"""Resolves keys that refer to something else: a network, a starting point, weights, a default."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from trainables.architectures.resnet9 import IMAGE_SIDE, RESNET9
from trainables.architectures.selection import SelectionError, chosen_rows
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
from trainables.sizes.size_keys import SIZE_KEYS

CORRECTED = "corrected"
WIDTH = 64
"""The width of ResNet-9, unless another is given."""


def content(key: str, value: Any) -> Any:
    """What a resolved value stands for: the digest where it has one, else the value itself."""
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
"""The learning rate and weight decay of each optimiser where none are given."""


def with_optimizer_defaults(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The keys with the optimiser's default rate and decay where these are absent or None."""
    chosen = raw.get("optimizer", "sgd")
    defaults = OPTIMIZER_DEFAULTS.get(chosen, {}) if isinstance(chosen, str) else {}
    explicit = {
        name: value for name, value in raw.items() if name not in defaults or value is not None
    }
    return {**defaults, **explicit}


def with_weights(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The keys with the digest and the normalisation of the weights, and a list of problems.

    The weights are read if the digest or the normalisation is missing. A configuration that was
    resolved before does not need the file. The network must be resolved.
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
            f"weights apply to networks other than resnet9, got {name!r}; resnet9 starts from "
            "init, a folder that compress wrote"
        ]
    if split_network(str(network))[1] is None:
        return values, []  # the network's own problem is reported
    side, classes = values.get("image_size", IMAGE_SIDE), values.get("classes", 10)
    try:
        resolved, starting = resolve_weights(name, network, image_size=side, classes=classes)
    except TorchProcessError as problem:
        return values, problem.problems
    if digest not in (None, starting.digest):
        changed = f"weights: {name} has changed: its digest was {digest}, now {starting.digest}"
        return values, [f"{changed}; name the file without a digest to start from it as it is now"]
    normalization = values.get("normalization")
    expected = starting.normalization if normalization is None else normalization
    return {**values, "weights": resolved, "normalization": expected}, []


def _with_plain_normalization(values: dict[str, Any]) -> dict[str, Any]:
    """The keys with the normalisation in one way of writing, so that equal ones are one trial."""
    text = values.get("normalization")
    if not isinstance(text, str):
        return values
    try:
        read = read_normalization(text)
    except ValueError:
        return values  # reported where clashes are
    return {**values, "normalization": write_normalization(*read) if read else ""}


def with_network(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The keys with the digest of a network other than ResNet-9, and a list of problems."""
    values = dict(raw)
    network = values.get("network", RESNET9)
    if not isinstance(network, str):
        return values, []  # reported where types are parsed
    if split_network(network)[0] == RESNET9:
        return values, _resnet9_problems(values)
    problems = _other_network_problems(values, network)
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


def _is_as_brought(name: str, given: Any, brought: Any) -> bool:
    """Whether a given value is the starting point's; a network may be named without its digest."""
    if content(name, given) == content(name, brought):
        return True
    return name == "network" and given == split_network(brought)[0]


def _other_network_problems(values: Mapping[str, Any], network: str) -> list[str]:
    problems = []
    if values.get("protocol", CORRECTED) != CORRECTED:
        problems.append(
            f"protocol {values['protocol']!r} repeats what the 2018 study did with resnet9, "
            f"got {network}; drop it"
        )
    if values.get("width", WIDTH) != WIDTH:
        problems.append(f"width is resnet9's, got {values['width']} for {network}; drop it")
    return problems


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
    """The keys with those that a starting point decides, and a list of contradictions.

    The folder is read if its keys are missing. A configuration that was resolved before does not
    need the folder.
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
        changed = f"init: {folder} has changed: its digest was {digest}, now {start.digest}"
        return values, [
            f"{changed}; name the folder without a digest to start from it as it is now"
        ]
    sizes = [name for name in SIZE_KEYS if name != "ranks" and values.get(name) is not None]
    drop = "(--set {0}=none drops it)".format
    problems = [
        f"init brings its own size: {name} must not be given {drop(name)}" for name in sizes
    ]
    problems += [
        f"init brings a network of {name} {brought}: no other can be given {drop(name)}"
        for name, brought in start.architecture.items()
        if values.get(name) is not None and not _is_as_brought(name, values[name], brought)
    ]
    side = values.get("image_size", IMAGE_SIDE)
    if start.image_size is not None and side != start.image_size:
        problems.append(
            f"init brings a network for images of {start.image_size} pixels, got image_size {side}"
        )
    others = {name: value for name, value in values.items() if name not in sizes}
    return {**others, **start.architecture, "init": start.init}, problems


def _has_architecture(values: Mapping[str, Any]) -> bool:
    """Whether all keys that a starting point decides are present (ranks if the family has any)."""
    layer = values.get("layer")
    unranked = {"ranks"} if layer in SIZES and not SIZES[layer].ranked else set()
    return values.keys() >= {*ARCHITECTURE} - unranked


CROP_SHARE = 8  # the padding is an eighth of the side: 4 pixels of 32 (cifar10-fast)
CUTOUT_SHARE = 4  # a quarter of the side: 8 pixels of 32 (cifar10-fast)

Facts = Mapping[str, Any]
"""What a data set brings: ``train_images``, ``held_out``, ``own_validation``, ``flips``.

``DataCounts`` has these fields, and ``dataset`` of a study.json.
"""

UNKNOWN: Facts = MappingProxyType({})

OPEN_KEYS = ("crop", "cutout", "micro_batch", "flip", "validation_images", "train_images")
"""Keys that may be left open, and whose value then follows from other keys or from the data."""

DECIDED_BY = ("image_size", "random_resized_crop", "batch_size", "protocol", "validation_images")
"""Keys that decide what an open key stands for."""


def default_values(keys: Mapping[str, Any], data: Facts = UNKNOWN) -> dict[str, Any]:
    """By open key: the value that training uses where the key is left out, as far as it is known.

    Args:
        keys: a configuration, with every key that decides.
        data: what the data set brings; the keys that follow from it have no value without.
    """
    own: dict[str, Any] = {}
    side, batch = keys["image_size"], keys["batch_size"]
    if type(batch) is int:  # a damaged record may hold anything
        own["micro_batch"] = batch
    if type(side) is int:
        own["crop"] = 0 if keys["random_resized_crop"] else side // CROP_SHARE
        own["cutout"] = side // CUTOUT_SHARE
    if "flips" in data:
        own["flip"] = data["flips"]
    if "held_out" in data:
        # the original study was selected on the test set; its protocols keep that
        own["validation_images"] = data["held_out"] if keys["protocol"] == "corrected" else 0
    held_out = keys.get("validation_images")
    held_out = own.get("validation_images") if held_out is None else held_out
    if held_out is not None and {"train_images", "own_validation"} <= data.keys():
        kept = data["own_validation"] if held_out and data["own_validation"] else held_out
        own["train_images"] = data["train_images"] - kept
    return own


def with_defaults(keys: Mapping[str, Any], data: Facts = UNKNOWN) -> dict[str, Any]:
    """The configuration with its open keys filled in, as far as their values are known."""
    own = default_values(keys, data)
    return {**keys, **{name: value for name, value in own.items() if keys.get(name) is None}}


def without_written_defaults(keys: Mapping[str, Any], data: Facts = UNKNOWN) -> dict[str, Any]:
    """The configuration with every open key left out whose value is its default.

    Configurations are compared in this form: a default that is written out makes no other trial.
    """
    if all(keys.get(name) is None for name in OPEN_KEYS):
        return dict(keys)
    own = default_values(keys, data)
    return {**keys, **{name: None for name, value in own.items() if keys.get(name) == value}}


def read_facts(dataset: Any) -> Facts:
    """What ``dataset`` of a study.json says of its images; older ones say less."""
    known = dataset if isinstance(dataset, Mapping) else {}
    counts = {name: known.get(name) for name in ("train_images", "held_out", "own_validation")}
    facts: dict[str, Any] = {name: one for name, one in counts.items() if type(one) is int}
    return facts | ({"flips": known["flips"]} if isinstance(known.get("flips"), bool) else {})
