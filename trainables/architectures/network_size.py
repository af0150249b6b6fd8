"""A whole network in numbers: the sizes of its layers, and how they are found."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import prod

from trainables.architectures.architecture import Architecture
from trainables.architectures.budget import (
    InfeasibleError,
    check_fill,
    count_parameters,
    fit_ranks,
    fit_width,
    layer_at,
)
from trainables.architectures.layer_table import LayerTable
from trainables.architectures.ranks import Ranks, read_ranks
from trainables.architectures.resnet9 import replaced_specs, resnet9_table
from trainables.architectures.selection import chosen_rows
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.registry import SIZES
from trainables.sizes.spec import Call, ConvSpec, Pair


@dataclass(frozen=True)
class NetworkSize:
    """A network with all ranks resolved.

    Attributes:
        architecture: as the trial asked for it.
        width: ResNet-9's width; it differs from the architecture's where a budget chose it.
        layers: the layers that the family may replace, in forward order. A layer's family is
            "dense" where factors would not have fewer parameters.
    """

    architecture: Architecture
    width: int
    layers: tuple[LayerSize, ...]

    @cached_property
    def table(self) -> LayerTable:
        """The whole network before any layer is replaced."""
        asked = self.architecture
        return asked.table or resnet9_table(self.width, asked.classes)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The module name of each layer."""
        return tuple(row.name for row in self._rows)

    @cached_property
    def inputs(self) -> tuple[tuple[Call, ...], ...]:
        """The extent of each layer's input, one for each call in a forward pass."""
        return tuple(row.inputs for row in self._rows)

    @property
    def input_hw(self) -> tuple[Pair, ...]:
        """Rows and columns of each layer's first input."""
        return tuple((calls[0][0], calls[0][1]) for calls in self.inputs)

    @property
    def factorized(self) -> int:
        """How many of the layers are factorised, and not dense."""
        return sum(layer.family != "dense" for layer in self.layers)

    @cached_property
    def factor_parameters(self) -> int:
        """Parameters of the layers, without their biases."""
        return sum(layer.parameters for layer in self.layers)

    @cached_property
    def fixed_parameters(self) -> int:
        """Parameters of everything else: 11,328 in ResNet-9 at width 64 with 10 classes."""
        return self.table.parameters - sum(row.parameters for row in self._rows)

    @property
    def parameters(self) -> int:
        """Parameters of the whole network, BatchNorm's affine ones included."""
        return self.factor_parameters + self.fixed_parameters

    @property
    def dense_parameters(self) -> int:
        """Parameters of the dense network at the width that was asked for."""
        return self._reference("dense")

    @property
    def separable_parameters(self) -> int:
        """Parameters of the separable network at the width that was asked for."""
        return self._reference("separable")

    @property
    def compression(self) -> float:
        """Parameters divided by those of the dense network at the width that was asked for."""
        return self.parameters / self.dense_parameters

    @property
    def family(self) -> str:
        """The family of the factorised layers; "dense" where there are none."""
        families = dict.fromkeys(layer.family for layer in self.layers if layer.family != "dense")
        if not families:
            return "dense"
        return next(iter(families)) if len(families) == 1 else self.architecture.layer

    @property
    def identity(self) -> tuple[object, ...]:
        """Nested tuples, equal for two networks exactly when these are built alike."""
        asked = self.architecture
        if asked.table is None:
            shapes = tuple((layer.modes, layer.ranks) for layer in self.layers)
            return asked.layer, self.width, asked.classes, shapes
        layers = tuple(
            (name, layer.family, layer.modes, layer.ranks)
            for name, layer in zip(self.names, self.layers, strict=True)
            if layer.family != "dense"
        )
        return self.family, asked.table.digest, layers

    @property
    def fixed_macs(self) -> int:
        """Multiply-adds per image of the convolutions and matrices that are not in `layers`."""
        return self.table.macs - sum(row.macs for row in self._rows)

    @cached_property
    def activations(self) -> int:
        """The most numbers per image that one layer reads, writes and holds between its factors.

        Between two factors there are at most as many channels as the largest rank.
        """
        called = {row.name: row for row in self.table.rows if row.inputs}
        between = {
            name: max(layer.ranks) * max(map(prod, called[name].inputs))
            for name, layer in zip(self.names, self.layers, strict=True)
            if layer.ranks
        }
        return max(row.activations + between.get(name, 0) for name, row in called.items())

    def macs(self, batch: int) -> float:
        """Multiply-adds per image of a forward pass with `batch` images, by the cheaper routes."""
        layers = zip(self.layers, self.inputs, strict=True)
        replaced = sum(layer.macs_of_calls(calls, batch) for layer, calls in layers)
        return replaced + self.fixed_macs

    def routes(self, batch: int) -> tuple[str, ...]:
        """The cheaper route of each layer, "factorized" or "reconstructed"."""
        layers = zip(self.layers, self.inputs, strict=True)
        return tuple(layer.route_of_calls(calls, batch) for layer, calls in layers)

    @cached_property
    def _rows(self) -> tuple:
        return chosen_rows(self.table, self.architecture.replace, self.architecture.keep)

    def _reference(self, layer: str) -> int:
        return count_parameters(layer, self.architecture.skeleton, RankRule())


@lru_cache(maxsize=4096)
def size_network(architecture: Architecture) -> NetworkSize:
    """Resolves the ranks of all layers of a network.

    Raises:
        InfeasibleError: when no network uses 97 % of the budget (the message names the nearest
            sizes), or `ranks` has more or fewer layers than the network replaces.
        SelectionError: when a pattern of `replace` or `keep` matches no layer.
    """
    if architecture.ranks is not None and SIZES[architecture.layer].ranked:
        return _with_own_ranks(architecture, read_ranks(architecture.ranks))
    width, rules = _resolve_budget(architecture)
    may_stay_dense = architecture.skeleton.may_stay_dense
    layers = tuple(
        layer_at(architecture.layer, spec, rule, may_stay_dense=may_stay_dense)
        for spec, rule in zip(_specs(architecture, width), rules, strict=True)
    )
    return NetworkSize(architecture, width, layers)


def _specs(architecture: Architecture, width: int) -> tuple[ConvSpec, ...]:
    if architecture.table is None:
        return replaced_specs(width)
    rows = chosen_rows(architecture.table, architecture.replace, architecture.keep)
    return tuple(row.spec for row in rows)


def _with_own_ranks(architecture: Architecture, ranks: Ranks) -> NetworkSize:
    """The network with these ranks, a tuple for each layer; () is a layer that stays dense."""
    specs = _specs(architecture, architecture.width)
    if len(ranks) != len(specs):
        raise InfeasibleError(
            f"ranks must list {len(specs)} layers, as many as the network replaces, got "
            f"{len(ranks)}"
        )
    try:
        layers = [
            SIZES[architecture.layer if own else "dense"].size_at(spec, own, architecture.dims)
            for spec, own in zip(specs, ranks, strict=True)
        ]
    except ValueError as error:
        raise InfeasibleError(f"ranks: {error}") from error
    return NetworkSize(architecture, architecture.width, tuple(layers))


def _resolve_budget(architecture: Architecture) -> tuple[int, tuple[RankRule, ...]]:
    """The width and the rank rule of each layer, after a budget has been resolved."""
    layer, width, skeleton = architecture.layer, architecture.width, architecture.skeleton
    rule, budget = architecture.rule, architecture.budget
    rules = (rule,) * len(skeleton.specs)
    if budget is None:
        return width, rules
    if SIZES[layer].ranked:
        ranks = fit_ranks(layer, skeleton, rule.dims, budget)
        return width, tuple(replace(rule, rank=rank) for rank in ranks)
    if architecture.table is None:
        return fit_width(layer, architecture.classes, budget, architecture.budget_side), rules
    check_fill(f"{layer} {skeleton.name}", count_parameters(layer, skeleton, rule), budget)
    return width, rules
