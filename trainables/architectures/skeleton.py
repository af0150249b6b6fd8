"""The facts about a network that the arithmetic of a budget needs."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from trainables.sizes.spec import ConvSpec


@dataclass(frozen=True)
class Skeleton:
    """A network without the families of its replaced layers.

    Attributes:
        name: for messages.
        fixed: parameters of everything that is not replaced.
        specs: shapes of the replaced layers, in forward order.
        may_stay_dense: whether a layer stays dense where its factors would not have fewer
            parameters. True for all networks except ResNet-9, which is counted as in 2018.
    """

    name: str
    fixed: int
    specs: tuple[ConvSpec, ...]
    may_stay_dense: bool = True

    @cached_property
    def distinct(self) -> tuple[tuple[ConvSpec, int], ...]:
        """The distinct shapes, each with how often it occurs."""
        return tuple(Counter(self.specs).items())
