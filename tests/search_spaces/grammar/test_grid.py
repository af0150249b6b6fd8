"""Grids: every combination once, conditional keys where they apply."""

from math import prod

from hypothesis import given
from hypothesis import strategies as st

from search_spaces.grammar.domains import Choice, Float, Int
from search_spaces.grammar.grid import grid_points, gridless_keys
from search_spaces.grammar.key import Key
from search_spaces.grammar.space import SearchSpace


def space(**keys: Key) -> SearchSpace:
    return SearchSpace("s", "?", "", keys)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_an_unconditional_grid_is_the_product_of_its_keys_points(lengths: list[int]) -> None:
    keys = {f"key{i}": Key(Choice(tuple(range(n)))) for i, n in enumerate(lengths)}
    points = [tuple(point.items()) for point in grid_points(space(**keys))]
    assert len(points) == len(set(points)) == prod(lengths)


def test_a_conditional_key_appears_only_where_it_applies() -> None:
    ranked = space(
        layer=Key(Choice(("dense", "cp"))),
        rank=Key(Int(1, 9, grid=(2, 3)), when={"layer": ("cp",)}),
        half=Key(Choice((True, False)), when={"rank": (3,)}),
    )
    assert list(grid_points(ranked)) == [
        {"layer": "dense"},
        {"layer": "cp", "rank": 2},
        {"layer": "cp", "rank": 3, "half": True},
        {"layer": "cp", "rank": 3, "half": False},
    ]


def test_a_condition_may_name_a_fixed_key() -> None:
    fixed = SearchSpace(
        "s", "?", "", {"rank": Key(Choice((2,)), when={"layer": ("cp",)})}, fixed={"layer": "dense"}
    )
    assert list(grid_points(fixed)) == [{}]


def test_keys_without_points_are_named() -> None:
    assert gridless_keys(space(a=Key(Float(0, 1)), b=Key(Int(1, 2, grid=(1,))))) == ("a",)
