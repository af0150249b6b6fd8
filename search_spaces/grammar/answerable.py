"""Whether the design of a space can answer its questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import assert_never

from search_spaces.grammar.domains import Choice, Scalar
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Carry, Contrast, Question, Select, Smallest, Trend

LEAST_CARRIED = 3
"""Fewest points of a carried key: an optimum inside the grid needs one on either side."""

LEAST_TREND = 5
"""Fewest points of a trend's key that tell a smooth curve and its shift from noise."""

LEAST_SIZES = 3
"""Fewest networks of different sizes through which a power is fitted."""

Keys = Mapping[str, Key]
Problem = tuple[str, str]
"""The field of a question, and the problem with it."""


def design_problems(
    question: Question, keys: Keys, fixed: Mapping[str, Scalar]
) -> Iterator[Problem]:
    """Why runs of these keys cannot answer the question; empty where they can."""
    match question:
        case Contrast():
            yield from _contrast(question, keys, fixed)
        case Select():
            yield from _select(question, keys, fixed)
        case Carry():
            yield from _carry(question, keys, fixed)
        case Trend():
            yield from _trend(question, keys, fixed)
        case Smallest():
            yield from _smallest(question, keys, fixed)
        case _:
            assert_never(question)


def _contrast(question: Contrast, keys: Keys, fixed: Mapping[str, Scalar]) -> Iterator[Problem]:
    yield from _searched("key", question.key, "scientific", keys, fixed)
    if question.baseline == question.treatment:
        yield "treatment", f"differs from the baseline, got {question.treatment!r} for both"
    if key := keys.get(question.key):
        for name in ("baseline", "treatment"):
            yield from _reachable(name, getattr(question, name), question.key, key)


def _select(question: Select, keys: Keys, fixed: Mapping[str, Scalar]) -> Iterator[Problem]:
    for name in question.keys:
        yield from _searched("key", name, "scientific", keys, fixed)
    known = [keys[name] for name in question.keys if name in keys]
    if len(known) == len(question.keys) and all(key.values == 1 for key in known):
        yield "key", f"{_listed(question.keys)} has one value; a selection needs at least two"
    yield from _searched("within", question.within, "scientific", keys, fixed)
    if question.within in question.keys:
        yield "within", f"{question.within!r} is what is selected; name another key, such as a size"


def _carry(question: Carry, keys: Keys, fixed: Mapping[str, Scalar]) -> Iterator[Problem]:
    yield from _searched("key", question.key, "carried", keys, fixed)
    yield from _searched("treatment", str(question.treatment), "scientific", keys, fixed)
    yield from _points("key", question.key, LEAST_CARRIED, keys)
    treated = keys.get(str(question.treatment))
    if treated and treated.values == 1:
        yield "treatment", f"{question.treatment!r} has one value; it needs at least two"
    others = _most_values(keys, without={question.key, str(question.treatment)})
    if others < 2:
        yield "key", f"{question.key!r} is carried over networks, and the space has only one"


def _trend(question: Trend, keys: Keys, fixed: Mapping[str, Scalar]) -> Iterator[Problem]:
    yield from _searched("key", question.key, "carried", keys, fixed)
    yield from _points("key", question.key, LEAST_TREND, keys)
    key = keys.get(question.key)
    if key and key.domain.grid and not all(_positive(value) for value in key.domain.grid):
        yield "key", f"{question.key!r} is read on a logarithmic scale; its values lie above 0"
    if _most_values(keys, without={question.key}) < LEAST_SIZES:
        yield (
            "against",
            f"a power of the {question.against} takes at least {LEAST_SIZES} networks of different "
            "sizes: give a size key more values",
        )


def _smallest(question: Smallest, keys: Keys, fixed: Mapping[str, Scalar]) -> Iterator[Problem]:
    for name, value in question.reference.items():
        path = f"reference.{name}"
        if name in keys:
            yield from _reachable(path, value, name, keys[name])
        elif name not in fixed:
            yield path, f"the space has no key {name!r}"
        elif fixed[name] != value:
            yield path, f"{name!r} is fixed at {fixed[name]!r}, so no network has {value!r}"
    if _most_values(keys, without=()) < 2:
        yield "reference", "the space has one network, so that none is smaller"


def _searched(
    field: str, name: str, role: str, keys: Keys, fixed: Mapping[str, Scalar]
) -> Iterator[Problem]:
    """Problems unless a key exists, is searched, and has the role that the question needs."""
    if name in keys:
        if keys[name].role != role:
            yield field, f"{name!r} must have role {role!r}, it has {keys[name].role!r}"
    elif name in fixed:
        yield field, f"{name!r} is fixed, so that there is nothing to compare; search it"
    else:
        yield field, f"the space has no key {name!r}; it searches {_listed(keys)}"


def _reachable(field: str, value: Scalar, name: str, key: Key) -> Iterator[Problem]:
    if not key.has(value):
        grid = _listed(map(str, key.domain.grid)) or f"{_ends(key)}"
        yield field, f"no run has {name} = {value!r}; its values are {grid}"


def _points(field: str, name: str, minimum: int, keys: Keys) -> Iterator[Problem]:
    key = keys.get(name)
    if key and key.values is not None and key.values < minimum:
        yield field, f"{name!r} needs at least {minimum} grid points, it has {key.values}"


def _most_values(keys: Keys, without: Iterable[str]) -> int:
    """The number of different networks: the product of the other scientific keys' values."""
    product = 1
    for name, key in keys.items():
        if name not in set(without) and key.role == "scientific":
            product *= key.values or LEAST_SIZES  # an interval has as many values as are drawn
    return product


def _ends(key: Key) -> str:
    domain = key.domain
    return "" if isinstance(domain, Choice) else f"{domain.low} to {domain.high}"


def _positive(value: Scalar) -> bool:
    return isinstance(value, int | float) and value > 0


def _listed(names: Iterable[str] | Sequence[str]) -> str:
    return ", ".join(names)
