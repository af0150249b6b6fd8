"""The largest network within a number of parameters.

The integer `rank` is searched, not the divisor or the scale: their steps are too coarse and their
range ends too early (at scale 1 a tensor train of 5 dimensions has 0.92 % of the dense parameters).
Between a rank and the next lie networks whose first layers have the next rank already: in small
networks one rank more for all layers is too long a step.
Parameters never fall as the rank rises: those of a layer do not, and the smaller of a layer's
factors and its kernel does not either.
"""

from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from math import isqrt

from trainables.sizes.layer_size import LayerSize
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.registry import SIZES
from trainables.sizes.resnet9 import resnet9_skeleton
from trainables.sizes.skeleton import Skeleton
from trainables.sizes.spec import ConvSpec

# Comparisons are at equal parameters within 3 %
LEAST_FILL = 0.97

BUDGET_SIDES = ("within", "below", "above")
"""Which width stands for a budget: the widest within it, which has to fill it, or a neighbour."""


class InfeasibleError(ValueError):
    """No network of the family fills the budget; the message names the nearest sizes."""


def fit_ranks(layer: str, skeleton: Skeleton, dims: int, budget: int) -> tuple[int, ...]:
    """The `rank` of each layer in the largest network of at most `budget` parameters.

    All have one rank, or the first few of them one more.
    Raises InfeasibleError when even that fills less than 97 % of the budget, or rank 1 exceeds it.
    """
    specs = skeleton.specs
    highest = len(specs) * (highest_rank(layer, skeleton, dims) - 1) + 1

    def ranks(setting: int) -> tuple[int, ...]:
        rank, raised = divmod(setting - 1, len(specs))
        return tuple(rank + 1 + (number < raised) for number in range(len(specs)))

    def parameters(setting: int) -> int:
        layers = zip(specs, ranks(setting), strict=True)
        return skeleton.fixed + sum(
            _layer_parameters(layer, spec, RankRule(rank=rank, dims=dims), skeleton.may_stay_dense)
            for spec, rank in layers
        )

    def words(setting: int) -> str:
        rank, raised = divmod(setting - 1, len(specs))
        return f"rank {rank + 1}" + (f", {rank + 2} in the first {raised} layers" * bool(raised))

    what = f"{layer} (dims {dims})" if SIZES[layer].reshapes else layer
    return ranks(_fit(f"{what} {skeleton.name}", words, parameters, highest, budget, ends=True))


def fit_width(layer: str, classes: int, budget: int, side: str = "within") -> int:
    """The largest width whose ResNet-9 of a layer without ranks has at most `budget` parameters.

    Widths are few in small networks: `side` "below" takes that width however little it fills, and
    "above" the next one.
    Raises InfeasibleError when even that fills less than 97 % of the budget, or width 1 exceeds it.
    """
    highest = isqrt(budget) + 1  # every such network has more than width^2 parameters

    def parameters(width: int) -> int:
        return count_parameters(layer, resnet9_skeleton(width, classes), RankRule())

    if side == "within":
        return _fit(layer, "width {}".format, parameters, highest, budget, ends=False)
    below = bisect_right(range(1, highest + 1), budget, key=parameters)
    if below == 0:
        raise InfeasibleError(f"{layer} has no width of {budget:,} parameters or fewer")
    return below + (side == "above")


def check_fill(what: str, parameters: int, budget: int) -> None:
    """Raise InfeasibleError unless the only size there is fits the budget and fills it to 97 %."""
    if not LEAST_FILL * budget <= parameters <= budget:
        raise InfeasibleError(
            f"{what} cannot fill {LEAST_FILL:.0%} to 100% of {budget:,} parameters: "
            f"it has no rank, and always {parameters:,}"
        )


def floor_and_ceiling(layer: str, skeleton: Skeleton, dims: int = 3) -> tuple[int, int]:
    """Parameters of the smallest and of the largest network of a family."""
    if not SIZES[layer].ranked:
        only = count_parameters(layer, skeleton, RankRule(dims=dims))
        return only, only
    ends = (1, highest_rank(layer, skeleton, dims))
    smallest, largest = (
        count_parameters(layer, skeleton, RankRule(rank=rank, dims=dims)) for rank in ends
    )
    return smallest, largest


@lru_cache(maxsize=1 << 16)
def count_parameters(layer: str, skeleton: Skeleton, rule: RankRule) -> int:
    """Parameters of the whole network, those that are not replaced included."""
    return skeleton.fixed + sum(
        times * _layer_parameters(layer, spec, rule, skeleton.may_stay_dense)
        for spec, times in skeleton.distinct
    )


@lru_cache(maxsize=1 << 16)
def layer_at(layer: str, spec: ConvSpec, rule: RankRule, *, may_stay_dense: bool) -> LayerSize:
    """A layer as its network has it: dense where factors would not be fewer numbers."""
    size = SIZES[layer].size(spec, rule)
    if may_stay_dense and size.parameters >= size.dense_parameters:
        return SIZES["dense"].size(spec, rule)
    return size


def highest_rank(layer: str, skeleton: Skeleton, dims: int) -> int:
    """The rank at which every layer of the network is as large as it gets."""
    return max(SIZES[layer].highest_rank(spec, dims) for spec, _ in skeleton.distinct)


@lru_cache(maxsize=1 << 16)
def _layer_parameters(layer: str, spec: ConvSpec, rule: RankRule, may_stay_dense: bool) -> int:
    return layer_at(layer, spec, rule, may_stay_dense=may_stay_dense).parameters


def _fit(
    what: str,
    words: Callable[[int], str],
    parameters: Callable[[int], int],
    highest: int,
    budget: int,
    *,
    ends: bool,
) -> int:
    """The largest setting 1..highest of a knob that never lowers the parameters.

    ``ends`` says whether the highest setting is the end of the knob.
    """
    setting = bisect_right(range(1, highest + 1), budget, key=parameters)
    if setting == 0:
        largest = f", its largest {parameters(highest):,} ({words(highest)})" if ends else ""
        raise InfeasibleError(
            f"{what} cannot have {budget:,} parameters or fewer: "
            f"its smallest network has {parameters(1):,} ({words(1)}){largest}"
        )
    below = parameters(setting)
    if below >= LEAST_FILL * budget:
        return setting
    nearest = f"below it {below:,} ({words(setting)}, {below / budget:.1%} of it)"
    if setting < highest:
        nearest += f", above it {parameters(setting + 1):,} ({words(setting + 1)})"
    else:
        nearest += f", which is its largest network; its smallest has {parameters(1):,}"
    raise InfeasibleError(
        f"{what} cannot fill {LEAST_FILL:.0%} of {budget:,} parameters: the nearest are {nearest}"
    )
