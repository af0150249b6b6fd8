"""A whole ResNet-9: what is asked for, and what it resolves to."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from trainables.sizes.budget import (
    Infeasible,
    count_parameters,
    fit_ranks,
    fit_width,
)
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.ranks import Ranks, read_ranks
from trainables.sizes.registry import SIZES
from trainables.sizes.resnet9 import (
    REPLACED_SIDES,
    fixed_macs,
    fixed_parameters,
    replaced_specs,
)

__all__ = ["Architecture", "Infeasible", "NetworkSize", "size_network"]


@dataclass(frozen=True)
class Architecture:
    """A network as a trial asks for it.

    layer: the family of the seven replaced convolutions, a key of SIZES.
    width: channels of prep; the rest have 2, 4 and 8 times as many. 64 is full size.
    Exactly one of rank_divisor, rank_scale, rank (see RankRule), parameters, compression, ranks for
    a family with ranks. dense and separable ignore ranks.
    parameters: the largest network with at most so many. For a family without ranks it searches the
    width (the given one is then only what `compression` refers to), else the rank of all layers, or
    one more in the first few.
    compression: the same as parameters = compression * those of the dense network at `width`.
    ranks: each layer's own, as `trainables.sizes.ranks` writes them.
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
    ranks: str | None = None

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
        ways = ("rank_divisor", "rank_scale", "rank", "parameters", "compression", "ranks")
        given = [way for way in ways if getattr(self, way) is not None]
        if len(given) > 1:
            return [f"give one way of choosing the size, got {' and '.join(given)}"]
        if not given and self.layer in SIZES and SIZES[self.layer].ranked:
            return [f"{self.layer} needs one of {', '.join(ways)}, got none"]
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
        return int(
            self.compression * count_parameters("dense", self.width, self.classes, RankRule())
        )


@dataclass(frozen=True)
class NetworkSize:
    """A ResNet-9 with every rank resolved.

    architecture: as it was asked for.
    width: the network's own; another than the architecture's where a budget chose it.
    layers: the seven convolutions after prep, in order.
    """

    architecture: Architecture
    width: int
    layers: tuple[LayerSize, ...]

    @property
    def input_hw(self) -> tuple[tuple[int, int], ...]:
        """Height and width in pixels of each replaced layer's input, for 32x32 images."""
        return tuple((side, side) for side in REPLACED_SIDES)

    @cached_property
    def factor_parameters(self) -> int:
        """Parameters of the seven replaced layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def fixed_parameters(self) -> int:
        """Parameters of everything else: 11,328 at width 64 with 10 classes."""
        return fixed_parameters(self.width, self.architecture.classes)

    @property
    def parameters(self) -> int:
        """Parameters of the whole network, BatchNorm's affine ones included."""
        return self.factor_parameters + self.fixed_parameters

    @property
    def dense_parameters(self) -> int:
        """Parameters of the dense network of the width that was asked for."""
        return self._reference("dense")

    @property
    def separable_parameters(self) -> int:
        """Parameters of the separable network of the width that was asked for."""
        return self._reference("separable")

    @property
    def compression(self) -> float:
        """Parameters over those of the dense network of the width that was asked for."""
        return self.parameters / self.dense_parameters

    @property
    def identity(self) -> tuple[object, ...]:
        """Nested tuples that are equal exactly when two networks are built alike."""
        shapes = tuple((layer.modes, layer.ranks) for layer in self.layers)
        return self.architecture.layer, self.width, self.architecture.classes, shapes

    def macs(self, batch: int) -> float:
        """Multiply-adds per image forward, by the cheaper routes at `batch` images at once."""
        layers = zip(self.layers, self.input_hw, strict=True)
        replaced = sum(layer.macs(*hw, batch) for layer, hw in layers)
        return replaced + fixed_macs(self.width, self.architecture.classes)

    def routes(self, batch: int) -> tuple[str, ...]:
        """The cheaper route of each replaced layer, "factorized" or "reconstructed"."""
        layers = zip(self.layers, self.input_hw, strict=True)
        return tuple(layer.route(*hw, batch) for layer, hw in layers)

    def _reference(self, layer: str) -> int:
        asked = self.architecture
        return count_parameters(layer, asked.width, asked.classes, RankRule())


@lru_cache(maxsize=4096)
def size_network(architecture: Architecture) -> NetworkSize:
    """Resolve every rank of a network.

    Raises Infeasible when a budget cannot be filled to 97 %, naming the nearest sizes, and when
    `ranks` are more or fewer than the network has.
    """
    if architecture.ranks is not None and SIZES[architecture.layer].ranked:
        return _with_own_ranks(architecture, read_ranks(architecture.ranks))
    width, rules = _resolve_budget(architecture)
    family, specs = SIZES[architecture.layer], replaced_specs(width)
    pairs = list(zip(specs, rules, strict=True))
    sizes = {(spec, rule): family.size(spec, rule) for spec, rule in set(pairs)}
    return NetworkSize(architecture, width, tuple(sizes[pair] for pair in pairs))


def _with_own_ranks(architecture: Architecture, ranks: Ranks) -> NetworkSize:
    """A network each of whose layers has ranks of its own."""
    family, specs = SIZES[architecture.layer], replaced_specs(architecture.width)
    if len(ranks) != len(specs):
        raise Infeasible(f"ranks has {len(ranks)} layers, the network replaces {len(specs)}")
    try:
        layers = [
            family.size_at(spec, own, architecture.dims)
            for spec, own in zip(specs, ranks, strict=True)
        ]
    except ValueError as error:
        raise Infeasible(f"ranks: {error}") from error
    return NetworkSize(architecture, architecture.width, tuple(layers))


def _resolve_budget(architecture: Architecture) -> tuple[int, tuple[RankRule, ...]]:
    """The width, and the rule of each layer, that the budget, if there is one, comes down to."""
    layer, width, classes = architecture.layer, architecture.width, architecture.classes
    rule, budget = architecture.rule, architecture.budget
    rules = (rule,) * len(replaced_specs(width))
    if budget is None:
        return width, rules
    if not SIZES[layer].ranked:
        return fit_width(layer, classes, budget), rules
    ranks = fit_ranks(layer, width, classes, rule.dims, budget)
    return width, tuple(replace(rule, rank=rank) for rank in ranks)
