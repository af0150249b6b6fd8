"""What the arithmetic of a budget needs to know of a network."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from trainables.sizes.spec import ConvSpec


@dataclass(frozen=True)
class Skeleton:
    """A network without the families of its replaced layers.

    name: for messages. fixed: parameters of everything that is not replaced.
    specs: the replaced layers, in the order in which the image meets them.
    may_stay_dense: whether a layer stays dense where its factors would not be fewer numbers. It
        does in every network but ResNet-9, whose counts are those of the 2018 study.
    """

    name: str
    fixed: int
    specs: tuple[ConvSpec, ...]
    may_stay_dense: bool = True

    @cached_property
    def distinct(self) -> tuple[tuple[ConvSpec, int], ...]:
        """The layers that differ, each with how often it occurs."""
        return tuple(Counter(self.specs).items())
