"""A search space: one question, the keys it varies, the keys it fixes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from search_spaces.grammar.domains import Domain, Scalar

Role = Literal["scientific", "nuisance"]


def _frozen(mapping: Mapping) -> Mapping:
    return MappingProxyType(dict(mapping))


@dataclass(frozen=True)
class Key:
    """One searched key.

    ``role``: scientific keys are compared, nuisance keys are optimised away before a comparison
    (Godbole et al. 2023, "Deep Learning Tuning Playbook").
    ``when``: the key exists only where every named key has one of the given values, for example
    ``{"layer": ("low_rank", "tensor_train")}``; the conditions name keys declared before this one.
    """

    domain: Domain
    role: Role = "scientific"
    when: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "when", _frozen(self.when))

    def applies(self, chosen: Mapping[str, Scalar]) -> bool:
        """Whether the key exists, given the values chosen so far."""
        return all(chosen.get(name) in values for name, values in self.when.items())


@dataclass(frozen=True, slots=True)
class Contrast:
    """The one comparison named beforehand: does ``treatment`` beat ``baseline`` on ``key``?"""

    key: str
    baseline: Scalar
    treatment: Scalar


@dataclass(frozen=True)
class SearchSpace:
    """A question and everything needed to ask it.

    ``fixed`` and ``keys`` are keys of ``TrainConfig``; ``source`` says where the question comes
    from. ``search`` and ``scheduler`` are defaults that the command line overrides: a space that
    compares needs every trial to finish (``grid``, ``none``), one that optimises wants ``optuna``
    and ``asha``. ``seeds`` is how many replicates of each point run by default; ``num_samples`` how
    many points a sampling search draws.
    """

    name: str
    question: str
    source: str
    keys: Mapping[str, Key]
    fixed: Mapping[str, Scalar] = field(default_factory=dict)
    search: str = "grid"
    scheduler: str = "none"
    num_samples: int = 32
    seeds: int = 1
    contrast: Contrast | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "fixed", _frozen(self.fixed))
        object.__setattr__(self, "keys", _frozen(self.keys))
        problems = list(self._problems())
        if problems:
            raise ValueError(f"space {self.name!r}: " + "; ".join(problems))

    def _problems(self) -> Iterator[str]:
        for name in sorted(set(self.fixed) & set(self.keys)):
            yield f"key {name!r} is both fixed and searched"
        declared = set(self.fixed)
        for name, key in self.keys.items():
            for other in sorted(set(key.when) - declared):
                yield f"key {name!r} depends on {other!r}, which is not declared before it"
            declared.add(name)
        if self.contrast and self.contrast.key not in declared:
            yield f"the contrast compares {self.contrast.key!r}, which the space does not have"

    @property
    def scientific_keys(self) -> tuple[str, ...]:
        """The compared keys, in the order they are declared."""
        return tuple(name for name, key in self.keys.items() if key.role == "scientific")

    @property
    def nuisance_keys(self) -> tuple[str, ...]:
        """The keys that are optimised away before a comparison."""
        return tuple(name for name, key in self.keys.items() if key.role == "nuisance")
