"""Random points of a space, and the corners that a sampler may reach."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice, product
from random import Random

from search_spaces.grammar.domains import Choice, Domain, Float, Scalar
from search_spaces.grammar.grid import Point
from search_spaces.grammar.space import SearchSpace

MOST_COMBINATIONS = 1024
"""Combinations of choices that are all checked beforehand."""


def random_points(space: SearchSpace, count: int, seed: int) -> list[Point]:
    """Independent draws; the first n of a longer list are the list of n."""
    return list(islice(_draws(space, Random(seed)), count))


def corner_points(space: SearchSpace) -> list[Point]:
    """Every interval at its low end and every one at its high, for each combination of choices.

    Where there are more than ``MOST_COMBINATIONS``, each value of each choice is there with the
    first of the others: that finds values that cannot be, not every two that exclude each other.
    """
    corners = []
    for chosen in _combinations(space):
        corners += [
            _applying(space, partial(_at_end, space, chosen, end)) for end in ("low", "high")
        ]
    return [dict(point) for point in dict.fromkeys(tuple(corner.items()) for corner in corners)]


def _combinations(space: SearchSpace) -> Iterator[Point]:
    choices = {
        name: key.domain.grid for name, key in space.keys.items() if isinstance(key.domain, Choice)
    }
    if math.prod(map(len, choices.values())) <= MOST_COMBINATIONS:
        for values in product(*choices.values()):
            yield dict(zip(choices, values, strict=True))
        return
    first = {name: values[0] for name, values in choices.items()}
    for name, values in choices.items():
        for value in values:
            yield {**first, name: value}


def _at_end(space: SearchSpace, chosen: Point, end: str, name: str) -> Scalar:
    return chosen[name] if name in chosen else getattr(space.keys[name].domain, end)


def _draws(space: SearchSpace, random: Random) -> Iterator[Point]:
    while True:
        yield _applying(space, lambda name: _draw(space.keys[name].domain, random))


def _applying(space: SearchSpace, value: Callable[[str], Scalar]) -> Point:
    """A point whose keys, in order, get ``value(name)`` where they apply."""
    point: Point = {}
    for name, key in space.keys.items():
        if key.applies({**space.fixed, **point}):
            point[name] = value(name)
    return point


def _draw(domain: Domain, random: Random) -> Scalar:
    if isinstance(domain, Choice):
        return random.choice(domain.values)
    if isinstance(domain, Float):
        return _between(domain.low, domain.high, domain.log, random)
    if not domain.log:
        return random.randint(domain.low, domain.high)
    # each integer is as likely as the logarithmic interval half a step around it
    drawn = _between(domain.low - 0.5, domain.high + 0.5, True, random)
    return min(max(round(drawn), domain.low), domain.high)


def _between(low: float, high: float, log: bool, random: Random) -> float:
    if not log:
        return random.uniform(low, high)
    drawn = math.exp(random.uniform(math.log(low), math.log(high)))
    return min(max(drawn, low), high)  # exp(log(x)) may miss the end by a rounding
