"""One searched key: its domain, its role, and where it exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

from search_spaces.grammar.domains import Domain, Scalar

Role = Literal["scientific", "carried", "nuisance"]
ROLES: tuple[str, ...] = get_args(Role)


@dataclass(frozen=True)
class Key:
    """One searched key.

    ``role``: scientific keys are compared; nuisance keys are tuned before a comparison (Godbole et
    al. 2023, "Deep Learning Tuning Playbook"); the carried key has one value for all networks.
    ``when``: the key exists only where every named key has one of the given values, for example
    ``{"layer": ("low_rank", "tensor_train")}``; the conditions name keys declared before this one.
    """

    domain: Domain
    role: Role = "scientific"
    when: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "when", MappingProxyType(dict(self.when)))

    def applies(self, chosen: Mapping[str, Scalar]) -> bool:
        """Whether the key exists, given the values chosen so far."""
        return all(chosen.get(name) in values for name, values in self.when.items())

    @property
    def values(self) -> int | None:
        """The number of values in a grid; None for an interval without grid points."""
        return len(self.domain.grid) or None

    def has(self, value: object) -> bool:
        """Whether a run can have this value: a grid point, or a value within the bounds."""
        return value in self.domain.grid if self.domain.grid else self.domain.contains(value)
