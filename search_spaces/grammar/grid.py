"""The grid of a space: every combination of its keys' points, conditional keys where they apply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from search_spaces.grammar.domains import Scalar
from search_spaces.grammar.space import SearchSpace

Point = dict[str, Scalar]


def grid_points(space: SearchSpace) -> Iterator[Point]:
    """The searched keys' values, point by point, the last key varying fastest.

    A key that applies but has no grid points ends its branch; ``gridless_keys`` names those.
    """
    yield from _branches(space, list(space.keys), {})


def gridless_keys(space: SearchSpace) -> tuple[str, ...]:
    """The searched keys that have bounds but no points."""
    return tuple(name for name, key in space.keys.items() if not key.domain.grid)


def _branches(
    space: SearchSpace, names: list[str], chosen: Mapping[str, Scalar]
) -> Iterator[Point]:
    if not names:
        yield dict(chosen)
        return
    name, *rest = names
    key = space.keys[name]
    if not key.applies({**space.fixed, **chosen}):
        yield from _branches(space, rest, chosen)
        return
    for value in key.domain.grid:
        yield from _branches(space, rest, {**chosen, name: value})
