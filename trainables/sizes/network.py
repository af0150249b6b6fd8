"""A whole network: what is asked for, and what it resolves to."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import prod

from trainables.sizes.budget import (
    InfeasibleError,
    check_fill,
    count_parameters,
    fit_ranks,
    fit_width,
    layer_at,
)
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.layer_table import LayerTable
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.ranks import Ranks, read_ranks
from trainables.sizes.registry import SIZES
from trainables.sizes.resnet9 import replaced_specs, resnet9_skeleton, resnet9_table
from trainables.sizes.selection import chosen_rows
from trainables.sizes.size_keys import size_problem
from trainables.sizes.skeleton import Skeleton
from trainables.sizes.spec import ConvSpec, Pair

__all__ = ["Architecture", "InfeasibleError", "NetworkSize", "size_network"]


@dataclass(frozen=True)
class Architecture:
    """A network as a trial asks for it.

    layer: the family of the replaced layers, a key of SIZES.
    width: ResNet-9's channels of prep; the rest have 2, 4 and 8 times as many. 64 is full size.
    Exactly one of rank_divisor, rank_scale, rank (see RankRule), parameters, compression, ranks for
    a family with ranks. dense and separable ignore ranks.
    parameters: the largest network with at most so many. For ResNet-9's dense and separable it
    searches the width (the given one is then only what `compression` refers to); in another network
    they have nothing to search.
    compression: the same as parameters = compression * those of the dense network.
    budget_side: which width stands for a budget, where ResNet-9 is narrowed: see `fit_width`.
    ranks: each layer's own, as `trainables.sizes.ranks` writes them.
    table: another network than ResNet-9. replace, keep: which of its layers, see `chosen_rows`.
    """

    layer: str
    width: int = 64
    classes: int = 10
    rank_divisor: int | None = None
    rank_scale: float | None = None
    rank: int | None = None
    dims: int = 3
    parameters: int | None = None
    compression: float | None = None
    budget_side: str = "within"
    ranks: str | None = None
    table: LayerTable | None = None
    replace: str = ""
    keep: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError listing every problem."""
        if problems := self._problems():
            raise ValueError("; ".join(problems))

    def _problems(self) -> list[str]:
        problems = []
        if self.layer not in SIZES:
            problems.append(f"layer must be one of {', '.join(SIZES)}, got {self.layer!r}")
        for name in ("width", "classes", "parameters"):
            value = getattr(self, name)
            if value is not None and value < 1:
                problems.append(f"{name} must be at least 1, got {value}")
        if self.compression is not None and not self.compression > 0:
            problems.append(f"compression must be above 0, got {self.compression}")
        return problems + self._size_problems()

    def _size_problems(self) -> list[str]:
        ranked = self.layer in SIZES and SIZES[self.layer].ranked
        if problem := size_problem(self.layer, vars(self), ranked=ranked):
            return [problem]
        try:
            self.rule  # noqa: B018 (its ranges are checked where it is made)
            read_ranks(self.ranks or "1")
        except ValueError as error:
            return [str(error)]
        return []

    @property
    def rule(self) -> RankRule:
        """How the rank is asked for, the budgets aside."""
        return RankRule(self.rank_divisor, self.rank_scale, self.rank, self.dims)

    @property
    def budget(self) -> int | None:
        """The most parameters the network may have, None when a rank chooses its size."""
        if self.compression is None:
            return self.parameters
        return int(self.compression * count_parameters("dense", self.skeleton, RankRule()))

    @property
    def skeleton(self) -> Skeleton:
        """The network without the family."""
        if self.table is None:
            return resnet9_skeleton(self.width, self.classes)
        return _skeleton(self.table, self.replace, self.keep)


@dataclass(frozen=True)
class NetworkSize:
    """A network with every rank resolved.

    architecture: as it was asked for.
    width: ResNet-9's own; another than the architecture's where a budget chose it.
    layers: those that the family may replace, in the order in which the image meets them; the
        family is dense where factors would not be fewer numbers.
    """

    architecture: Architecture
    width: int
    layers: tuple[LayerSize, ...]

    @cached_property
    def table(self) -> LayerTable:
        """The whole network, before anything is replaced."""
        asked = self.architecture
        return asked.table or resnet9_table(self.width, asked.classes)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Where each of the layers is in the network."""
        return tuple(row.name for row in self._rows)

    @cached_property
    def inputs(self) -> tuple[tuple[Pair, ...], ...]:
        """Rows and columns of each layer's input, one pair for each call in a forward pass."""
        return tuple(row.inputs for row in self._rows)

    @property
    def input_hw(self) -> tuple[Pair, ...]:
        """Rows and columns of each layer's first input."""
        return tuple(calls[0] for calls in self.inputs)

    @property
    def factorized(self) -> int:
        """How many of the layers are not dense."""
        return sum(layer.family != "dense" for layer in self.layers)

    @cached_property
    def factor_parameters(self) -> int:
        """Parameters of the layers, without their biases."""
        return sum(layer.parameters for layer in self.layers)

    @cached_property
    def fixed_parameters(self) -> int:
        """Parameters of everything else: 11,328 of ResNet-9 at width 64 with 10 classes."""
        return self.table.parameters - sum(row.parameters for row in self._rows)

    @property
    def parameters(self) -> int:
        """Parameters of the whole network, BatchNorm's affine ones included."""
        return self.factor_parameters + self.fixed_parameters

    @property
    def dense_parameters(self) -> int:
        """Parameters of the dense network, of the width that was asked for."""
        return self._reference("dense")

    @property
    def separable_parameters(self) -> int:
        """Parameters of the separable network, of the width that was asked for."""
        return self._reference("separable")

    @property
    def compression(self) -> float:
        """Parameters over those of the dense network of the width that was asked for."""
        return self.parameters / self.dense_parameters

    @property
    def family(self) -> str:
        """The family that the layers are of, those that stay dense aside."""
        found = dict.fromkeys(layer.family for layer in self.layers if layer.family != "dense")
        if not found:
            return "dense"
        return next(iter(found)) if len(found) == 1 else self.architecture.layer

    @property
    def identity(self) -> tuple[object, ...]:
        """Nested tuples that are equal exactly when two networks are built alike."""
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
        """Multiply-adds per image of all convolutions and matrices but the layers."""
        return self.table.macs - sum(row.macs for row in self._rows)

    @cached_property
    def activations(self) -> int:
        """The most numbers that a layer reads, has between its factors, and writes, for an image.

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
        """Multiply-adds per image forward, by the cheaper routes at `batch` images at once."""
        layers = zip(self.layers, self.inputs, strict=True)
        replaced = sum(layer.macs_of_calls(calls, batch) for layer, calls in layers)
        return replaced + self.fixed_macs

    def routes(self, batch: int) -> tuple[str, ...]:
        """The cheaper route of each replaced layer, "factorized" or "reconstructed"."""
        layers = zip(self.layers, self.inputs, strict=True)
        return tuple(layer.route_of_calls(calls, batch) for layer, calls in layers)

    @cached_property
    def _rows(self) -> tuple:
        return chosen_rows(self.table, self.architecture.replace, self.architecture.keep)

    def _reference(self, layer: str) -> int:
        return count_parameters(layer, self.architecture.skeleton, RankRule())


@lru_cache(maxsize=512)
def _skeleton(table: LayerTable, replace: str, keep: str) -> Skeleton:
    rows = chosen_rows(table, replace, keep)
    fixed = table.parameters - sum(row.parameters for row in rows)
    return Skeleton(f"of {table.network}", fixed, tuple(row.spec for row in rows))


@lru_cache(maxsize=4096)
def size_network(architecture: Architecture) -> NetworkSize:
    """Resolve every rank of a network.

    Raises InfeasibleError when a budget cannot be filled to 97 %, naming the nearest sizes, and
    when `ranks` are more or fewer than the network has; SelectionError for patterns that match
    nothing.
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
    """A network each of whose layers has ranks of its own; () is a layer that stays dense."""
    specs = _specs(architecture, architecture.width)
    if len(ranks) != len(specs):
        raise InfeasibleError(f"ranks has {len(ranks)} layers, the network replaces {len(specs)}")
    try:
        layers = [
            SIZES[architecture.layer if own else "dense"].size_at(spec, own, architecture.dims)
            for spec, own in zip(specs, ranks, strict=True)
        ]
    except ValueError as error:
        raise InfeasibleError(f"ranks: {error}") from error
    return NetworkSize(architecture, architecture.width, tuple(layers))


def _resolve_budget(architecture: Architecture) -> tuple[int, tuple[RankRule, ...]]:
    """The width, and the rule of each layer, that the budget, if there is one, comes down to."""
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
