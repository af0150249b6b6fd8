"""The largest network within a number of parameters.

The integer `rank` is searched rather than the divisor or the scale, whose steps are too coarse and
whose range ends too early: at scale 1 a tensor train of 5 dimensions has 0.92 % of the dense
parameters. In small networks even one rank more for all layers is too large a step. The search
therefore also considers networks whose first layers have the next rank already.

Bisection is valid because parameters never fall as the rank rises. This holds for the factors of a
layer, and so for the smaller of the factors and the kernel.
"""

from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from math import isqrt

from trainables.architectures.resnet9 import resnet9_skeleton
from trainables.architectures.skeleton import Skeleton
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.registry import SIZES
from trainables.sizes.spec import ConvSpec
from trainables.text.share import share_within

LEAST_FILL = 0.97
"""Share of a budget that a network must use: networks are compared at equal size within 3 %."""

BUDGET_SIDES = ("within", "below", "above")
"""Which width stands for a budget.

"within" is the widest within it, which must use 97 % of it. "below" is that width however little it
uses, and "above" the next one.
"""


class InfeasibleError(ValueError):
    """No network of the family fills the budget; the message names the nearest sizes."""


def fit_ranks(layer: str, skeleton: Skeleton, dims: int, budget: int) -> tuple[int, ...]:
    """The `rank` of each layer in the largest network of at most `budget` parameters.

    All layers have one rank, or the first few of them one more.

    Raises:
        InfeasibleError: when that network uses less than 97 % of the budget, or rank 1 exceeds it.
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
    """The largest width of a ResNet-9, of a family without ranks, within `budget` parameters.

    Small networks have few widths, so that often none uses 97 % of a budget; `side`, one of
    BUDGET_SIDES, then takes a neighbour.

    Raises:
        InfeasibleError: when the width uses less than 97 % of the budget (side "within"), or width
            1 exceeds it.
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
    """Raise InfeasibleError unless a network of a single possible size uses 97 to 100 %."""
    if not LEAST_FILL * budget <= parameters <= budget:
        raise InfeasibleError(
            f"{what} cannot fill {LEAST_FILL:.0%} to 100% of {budget:,} parameters: "
            f"it has no rank to choose, and always has {parameters:,}"
        )


def floor_and_ceiling(layer: str, skeleton: Skeleton, dims: int = 3) -> tuple[int, int]:
    """Parameters of the smallest and of the largest network of a family, in this order."""
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
    """Parameters of the whole network, those of layers that are not replaced included."""
    return skeleton.fixed + sum(
        times * _layer_parameters(layer, spec, rule, skeleton.may_stay_dense)
        for spec, times in skeleton.distinct
    )


@lru_cache(maxsize=1 << 16)
def layer_at(layer: str, spec: ConvSpec, rule: RankRule, *, may_stay_dense: bool) -> LayerSize:
    """The layer that the network gets: dense where factors would not have fewer parameters."""
    size = SIZES[layer].size(spec, rule)
    if may_stay_dense and size.parameters >= size.dense_parameters:
        return SIZES["dense"].size(spec, rule)
    return size


def highest_rank(layer: str, skeleton: Skeleton, dims: int) -> int:
    """The rank from which on no layer of the network grows."""
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
    """The largest of the settings 1..highest within the budget.

    ``parameters`` must not fall as its setting rises. ``ends`` says whether ``highest`` is the
    last setting there is, rather than a bound on the search.
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
    nearest = f"below it {below:,} ({words(setting)}, {share_within(below, budget)} of it)"
    if setting < highest:
        nearest += f", above it {parameters(setting + 1):,} ({words(setting + 1)})"
    else:
        nearest += f", which is its largest network; its smallest has {parameters(1):,}"
    raise InfeasibleError(
        f"{what} cannot fill {LEAST_FILL:.0%} of {budget:,} parameters: the nearest are {nearest}"
    )
