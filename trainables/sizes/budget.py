"""The largest network within a number of parameters.

The integer `rank` is searched, not the divisor or the scale: their steps are too coarse and their
range ends too early (at scale 1 a tensor train of 5 dimensions has 0.92 % of the dense parameters).
Between a rank and the next lie networks whose first layers have the next rank already: in small
networks one rank more for all layers is too long a step.
"""

from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from math import isqrt

from trainables.sizes.rank_rule import RankRule
from trainables.sizes.registry import SIZES
from trainables.sizes.resnet9 import distinct_specs, fixed_parameters, replaced_specs
from trainables.sizes.spec import ConvSpec

# Comparisons are at equal parameters within 3 %
LEAST_FILL = 0.97


class Infeasible(ValueError):  # noqa: N818 (a property of the request, not a fault)
    """No network of the family fills the budget; the message names the nearest sizes."""


def fit_ranks(layer: str, width: int, classes: int, dims: int, budget: int) -> tuple[int, ...]:
    """The `rank` of each layer in the largest ResNet-9 of at most `budget` parameters.

    All have one rank, or the first few of them one more.
    Raises Infeasible when even that fills less than 97 % of the budget, or rank 1 exceeds it.
    """
    specs = replaced_specs(width)
    highest = len(specs) * (_highest_rank(layer, width, dims) - 1) + 1

    def ranks(setting: int) -> tuple[int, ...]:
        rank, raised = divmod(setting - 1, len(specs))
        return tuple(rank + 1 + (layer < raised) for layer in range(len(specs)))

    def parameters(setting: int) -> int:
        layers = zip(specs, ranks(setting), strict=True)
        return fixed_parameters(width, classes) + sum(
            _layer_parameters(layer, spec, RankRule(rank=rank, dims=dims)) for spec, rank in layers
        )

    def words(setting: int) -> str:
        rank, raised = divmod(setting - 1, len(specs))
        return f"rank {rank + 1}" + (f", {rank + 2} in the first {raised} layers" * bool(raised))

    what = f"{layer} (dims {dims})" if SIZES[layer].reshapes else layer
    return ranks(_fit(f"{what} at width {width}", words, parameters, highest, budget))


def fit_width(layer: str, classes: int, budget: int) -> int:
    """The largest width whose ResNet-9 of a layer without ranks has at most `budget` parameters.

    Raises Infeasible when even that fills less than 97 % of the budget, or width 1 exceeds it.
    """
    highest = isqrt(budget) + 1  # every such network has more than width^2 parameters

    def parameters(width: int) -> int:
        return count_parameters(layer, width, classes, RankRule())

    return _fit(layer, "width {}".format, parameters, highest, budget)


@lru_cache(maxsize=1 << 16)
def count_parameters(layer: str, width: int, classes: int, rule: RankRule) -> int:
    """Parameters of the whole ResNet-9, BatchNorm's affine ones included."""
    total = fixed_parameters(width, classes)
    for spec, times in distinct_specs(width):
        total += times * _layer_parameters(layer, spec, rule)
    return total


@lru_cache(maxsize=1 << 16)
def _layer_parameters(layer: str, spec: ConvSpec, rule: RankRule) -> int:
    family = SIZES[layer]
    return family.parameters(spec, *family.resolve(spec, rule))


def _highest_rank(layer: str, width: int, dims: int) -> int:
    """The rank at which the widest of the network's layers is full."""
    family = SIZES[layer]
    return max(
        family.full_rank(spec, family.modes(spec, dims)) for spec, _ in distinct_specs(width)
    )


def _fit(
    what: str,
    words: Callable[[int], str],
    parameters: Callable[[int], int],
    highest: int,
    budget: int,
) -> int:
    """The largest setting 1..highest of a knob that never lowers the parameters."""
    setting = bisect_right(range(1, highest + 1), budget, key=parameters)
    if setting == 0:
        raise Infeasible(
            f"{what} cannot have {budget:,} parameters or fewer: "
            f"its smallest network has {parameters(1):,} ({words(1)})"
        )
    below = parameters(setting)
    if below >= LEAST_FILL * budget:
        return setting
    nearest = f"below it {below:,} ({words(setting)}, {below / budget:.1%} of it)"
    if setting < highest:
        nearest += f", above it {parameters(setting + 1):,} ({words(setting + 1)})"
    else:
        nearest += ", which is its largest network"
    raise Infeasible(
        f"{what} cannot fill {LEAST_FILL:.0%} of {budget:,} parameters: the nearest are {nearest}"
    )
