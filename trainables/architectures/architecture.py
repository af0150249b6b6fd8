"""What a trial asks for: a network, the family of its replaced layers, and their size."""

from dataclasses import dataclass
from functools import lru_cache

from trainables.architectures.budget import count_parameters
from trainables.architectures.layer_table import LayerTable
from trainables.architectures.ranks import read_ranks
from trainables.architectures.resnet9 import resnet9_skeleton
from trainables.architectures.selection import chosen_rows
from trainables.architectures.skeleton import Skeleton
from trainables.sizes.rank_rule import RankRule
from trainables.sizes.registry import SIZES
from trainables.sizes.size_keys import size_problem


@dataclass(frozen=True)
class Architecture:
    """A network as a trial asks for it.

    A family with ranks needs exactly one of rank_divisor, rank_scale, rank (see RankRule),
    parameters, compression and ranks; dense and separable ignore ranks.

    Attributes:
        layer: the family of the replaced layers, a key of SIZES.
        width: channels of ResNet-9's first layer, prep; the others have 2, 4 and 8 times as many.
            64 is full size.
        classes: number of classes.
        dims: see RankRule.
        parameters: asks for the largest network of at most so many parameters. In ResNet-9's dense
            and separable it chooses the width (the given one is then only what `compression` refers
            to); in another network these two have nothing to choose.
        compression: the same as parameters = compression * those of the dense network.
        budget_side: which width stands for a budget, see BUDGET_SIDES.
        ranks: the ranks of each layer, as `trainables.architectures.ranks` writes them.
        table: a network other than ResNet-9.
        replace: which of its layers are replaced, see `chosen_rows`.
        keep: which of them are not.
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
        """The rank that is asked for; an empty rule where a budget or `ranks` decides."""
        return RankRule(self.rank_divisor, self.rank_scale, self.rank, self.dims)

    @property
    def budget(self) -> int | None:
        """The most parameters that the network may have; None where no budget is given."""
        if self.compression is None:
            return self.parameters
        return int(self.compression * count_parameters("dense", self.skeleton, RankRule()))

    @property
    def skeleton(self) -> Skeleton:
        """The network without the families of its replaced layers."""
        if self.table is None:
            return resnet9_skeleton(self.width, self.classes)
        return _skeleton(self.table, self.replace, self.keep)


@lru_cache(maxsize=512)
def _skeleton(table: LayerTable, replace: str, keep: str) -> Skeleton:
    rows = chosen_rows(table, replace, keep)
    fixed = table.parameters - sum(row.parameters for row in rows)
    return Skeleton(f"of {table.network}", fixed, tuple(row.spec for row in rows))
