"""The configuration of a trial: every key that can change its numbers, with default and source.

Standard library only. Learning rate and weight decay are in mean-loss units: the gradient of the
mean, not the sum, of the per-image losses.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trainables.architectures.architecture import Architecture
from trainables.architectures.budget import BUDGET_SIDES
from trainables.architectures.layer_table import LayerTable
from trainables.architectures.network_size import NetworkSize, size_network
from trainables.config.clashes import image_clashes, network_clashes, training_clashes
from trainables.config.former_names import with_present_names, with_present_values
from trainables.config.parsing import parse_value
from trainables.config.resolution import (
    OPTIMIZER_DEFAULTS,
    WIDTH,
    with_network,
    with_optimizer_defaults,
    with_start,
    with_weights,
)
from trainables.config.tables import TRACED_FOR, load_table, split_network
from trainables.sizes.registry import SIZES
from trainables.sizes.size_keys import SIZE_KEYS
from trainables.text.suggestion import suggestion

RECIPE_VERSION = 1
"""Raised when a change makes the same configuration train to other numbers; part of every id."""

FAST = "cifar10-fast, dawn.py (Page 2018)"
ORIGINAL = "the 2018 study (gngdb/cifar10-fast)"
OURS = "RankTune"

SGD = OPTIMIZER_DEFAULTS["sgd"]

BY_SEED = -1
"""The ``data_seed`` that stands for the trial's ``seed``: each replicate holds out other images."""


class ConfigError(ValueError):
    """The configuration cannot be trained; ``problems`` lists everything wrong with it."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def _key(default: Any, source: str, **limits: Any) -> Any:
    """A key: its default, its source, and ``low``, ``high``, ``above`` or ``choices``."""
    return dataclasses.field(default=default, metadata={"source": source, **limits})


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One training run, checked: every value of a TrainConfig is valid.

    ``None`` means "not given" for the sizes, "all" for ``train_images``, and the data set's default
    (5,000 of CIFAR-10's images, one tenth elsewhere) for ``validation_images``. It means an eighth
    of ``image_size`` for ``crop``, a quarter for ``cutout``, what the data set allows for ``flip``,
    and the whole batch for ``micro_batch``. A learning rate or decay that is not given is the
    optimiser's default.
    """

    # The network.
    layer: str = _key("dense", FAST, choices=tuple(SIZES))
    rank_divisor: int | None = _key(None, ORIGINAL, low=1)
    rank_scale: float | None = _key(None, ORIGINAL, above=0, high=1)
    rank: int | None = _key(None, OURS, low=1)
    parameters: int | None = _key(None, OURS, low=1)
    compression: float | None = _key(None, OURS, above=0, high=1)
    ranks: str | None = _key(None, OURS)  # each layer's own: see trainables.architectures.ranks
    dims: int = _key(3, ORIGINAL, low=1)
    width: int = _key(WIDTH, FAST, low=1, high=8192)  # resnet9's
    classes: int = _key(10, "CIFAR-10", low=2)
    network: str = _key("resnet9", FAST)  # else "name#digest": see trainables.config.tables
    replace: str = _key("", OURS)  # which layers: see trainables.architectures.selection
    keep: str = _key("", OURS)
    budget_side: str = _key("within", OURS, choices=BUDGET_SIDES)  # see architectures.budget
    weights: str = _key("", OURS)  # "" draws, else "file#digest" or "pretrained#digest"
    # Optimisation.
    optimizer: str = _key("sgd", FAST, choices=("sgd", "adamw"))
    learning_rate: float = _key(SGD["learning_rate"], FAST, above=0)
    schedule: str = _key("dawn", FAST, choices=("dawn", "cosine"))
    epochs: int = _key(24, FAST, low=1)
    batch_size: int = _key(512, FAST, low=1)
    micro_batch: int | None = _key(None, OURS, low=1)  # images at once, whose gradients are summed
    class_weights: str = _key("none", "King and Zeng 2001", choices=("none", "balanced"))
    label_smoothing: float = _key(0.0, FAST, low=0, high=0.999)
    weight_decay: float = _key(SGD["weight_decay"], FAST, low=0)
    weight_decay_scaling: float = _key(0.0, ORIGINAL, low=0, high=1)
    weight_decay_reference: str = _key("dense", "Gray et al. 2019", choices=("dense", "separable"))
    weight_decay_ratio: str = _key("network", ORIGINAL, choices=("network", "layer"))
    regularizer: str = _key("weight_decay", FAST, choices=("weight_decay", "frobenius"))
    batchnorm_decay: bool = _key(False, OURS)
    protocol: str = _key(
        "corrected",
        OURS,
        choices=("corrected", "original_a_plain", "original_a_scaled", "original_tt"),
    )
    metric: str = _key("accuracy", OURS, choices=("accuracy", "balanced_accuracy"))
    precision: str = _key("auto", OURS, choices=("auto", "fp32", "bf16", "fp16"))
    compile: bool = _key(False, OURS)
    init: str = _key("", OURS)  # "" draws at random, else a starting point: "folder#digest"
    # Data.
    dataset: str = _key("cifar10", FAST)  # a name of trainables.data.datasets.registry
    image_size: int = _key(32, FAST, low=8, high=1024)
    resize: str = _key("crop", OURS, choices=("crop", "pad", "stretch"))
    normalization: str = _key("", OURS)  # "": of the training images, else "R G B/R G B"
    crop: int | None = _key(None, FAST, low=0)
    flip: bool | None = _key(None, FAST)
    cutout: int | None = _key(None, FAST, low=0)
    random_resized_crop: float = _key(0.0, "Szegedy et al. 2015", low=0, high=1)
    train_images: int | None = _key(None, OURS, low=1)
    validation_images: int | None = _key(None, OURS, low=0)
    data_seed: int = _key(0, OURS, low=BY_SEED)
    data_digest: str = _key("", OURS)  # of images of one's own: what they are, wherever they lie
    # Replication.
    seed: int = _key(0, OURS, low=0)

    @classmethod
    def from_trial(cls, raw: Mapping[str, Any]) -> TrainConfig:
        """Parses a mapping of keys to plain values, which may have former names.

        An ``init`` that names a folder is read here. It decides the network, and its digest is
        appended to the folder's name, so that the result does not need the folder.

        Raises:
            ConfigError: listing every unknown key, wrong type, value out of range, and clash.
        """
        raw, start_problems = with_start(with_optimizer_defaults(with_present_names(raw)))
        raw, network_problems = with_network(raw)
        raw, weights_problems = with_weights(raw)
        fields = _fields()
        problems = (
            network_problems
            + start_problems
            + weights_problems
            + [unknown_key(name) for name in raw if name not in fields]
        )
        values: dict[str, Any] = {}
        for name in raw.keys() & fields.keys():
            try:
                values[name] = parse_value(name, raw[name], _types(name), fields[name].metadata)
            except ValueError as problem:
                problems.append(str(problem))
        keys = default_keys() | values
        if values.keys() >= raw.keys() & {"layer", *SIZE_KEYS}:  # a wrong size is not a missing one
            problems += network_clashes(keys)
        problems += training_clashes(keys) + image_clashes(keys)
        if problems:
            raise ConfigError(sorted(problems))
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Every key with its value, as plain JSON types."""
        return {name: getattr(self, name) for name in _fields()}

    def changed(self) -> dict[str, Any]:
        """The keys whose value differs from the default: those that a person would have to type.

        With an optimiser other than the default one they include its rate and decay.
        """
        with_own_defaults = ("learning_rate", "weight_decay") if self.optimizer != "sgd" else ()
        return {
            name: getattr(self, name)
            for name, key in _fields().items()
            if getattr(self, name) != key.default or name in with_own_defaults
        }

    def with_values(self, **values: Any) -> TrainConfig:
        """A copy with other values, checked again.

        Another number of classes or another image size makes another network of the same name.
        """
        if any(values.get(name, current := getattr(self, name)) != current for name in TRACED_FOR):
            values = {"network": split_network(self.network)[0], **values}
        return TrainConfig.from_trial({**self.to_dict(), **values})

    @property
    def architecture(self) -> Architecture:
        """The part that decides the network's shapes."""
        names = {field.name for field in dataclasses.fields(Architecture)} & _fields().keys()
        return Architecture(**{name: getattr(self, name) for name in names}, table=self.table)

    @property
    def table(self) -> LayerTable | None:
        """The network's layers; None for ResNet-9, whose width and classes decide them."""
        return load_table(self.network, image_size=self.image_size, classes=self.classes)

    @property
    def images_at_once(self) -> int:
        """Images of one forward pass in training: a batch, or a part of it."""
        return self.micro_batch or self.batch_size

    def network_size(self) -> NetworkSize:
        """Shapes, parameters, multiply-adds; InfeasibleError where a budget cannot be filled."""
        return size_network(self.architecture)


def table_texts(configs: Iterable[TrainConfig]) -> list[str]:
    """The tables of all networks except ResNet-9, each once, as ``register_tables`` takes them."""
    by_network = {(config.network, config.image_size, config.classes): config for config in configs}
    tables = {table.digest: table for config in by_network.values() if (table := config.table)}
    return [table.to_json() for table in tables.values()]


def complete_config(recorded: dict[str, Any]) -> dict[str, Any]:
    """A recorded configuration with present names, and the default of every key that it lacks.

    Defaults of newer keys are the behaviour of older versions.
    """
    return {**default_keys(), **with_present_values(recorded)}


@functools.cache
def default_keys() -> dict[str, Any]:
    """Every key with its default; not to be changed."""
    return {name: key.default for name, key in _fields().items()}


def factor_decays(config: TrainConfig, size: NetworkSize) -> tuple[float, ...]:
    """The decay of each replaced layer's parameters: λ' = λ·(n/N)^α (Gray et al. 2019).

    n is the number of parameters of the compressed network and N that of the reference network;
    with ``weight_decay_ratio="layer"`` both count one layer.
    """
    if config.weight_decay_scaling == 0:
        return (config.weight_decay,) * len(size.layers)
    reference = f"{config.weight_decay_reference}_parameters"  # dense_ or separable_parameters
    counted = size.layers if config.weight_decay_ratio == "layer" else (size,) * len(size.layers)
    ratios = [part.parameters / getattr(part, reference) for part in counted]
    return tuple(config.weight_decay * ratio**config.weight_decay_scaling for ratio in ratios)


@functools.cache
def _fields() -> dict[str, dataclasses.Field]:
    return {field.name: field for field in dataclasses.fields(TrainConfig)}


def unknown_key(name: str) -> str:
    """The problem with a key that there is not."""
    return f"unknown key {name!r}: {suggestion(name, _fields())}"


@functools.cache
def _types(name: str) -> tuple[type, ...]:
    hint = typing.get_type_hints(TrainConfig)[name]
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
