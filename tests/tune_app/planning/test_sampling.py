"""Samples stay inside the space, repeat with their seed, and grow without changing."""

from collections import Counter
from math import log

from hypothesis import given
from hypothesis import strategies as st

from search_spaces.grammar.domains import Choice, Float, Int
from search_spaces.grammar.key import Key
from search_spaces.grammar.space import SearchSpace
from tune_app.planning.sampling import corner_points, random_points

SPACE = SearchSpace(
    "s",
    "?",
    "",
    {
        "layer": Key(Choice(("dense", "cp"))),
        "rank": Key(Int(1, 64, log=True), when={"layer": ("cp",)}),
        "dims": Key(Int(2, 4), when={"layer": ("cp",)}),
        "learning_rate": Key(Float(1e-3, 1.0, log=True)),
        "label_smoothing": Key(Float(0, 0.5)),
    },
)


@given(st.integers(0, 2**32))
def test_every_value_lies_in_its_domain_and_only_keys_that_apply_appear(seed: int) -> None:
    for point in random_points(SPACE, 20, seed):
        assert all(SPACE.keys[name].domain.contains(value) for name, value in point.items())
        assert {name for name, key in SPACE.keys.items() if key.applies(point)} == set(point)


@given(st.integers(0, 2**32), st.integers(0, 20), st.integers(0, 20))
def test_more_samples_of_the_same_seed_begin_with_the_fewer(seed: int, few: int, more: int) -> None:
    assert random_points(SPACE, few + more, seed)[:few] == random_points(SPACE, few, seed)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 2**32))
def test_a_logarithmic_integer_never_leaves_its_bounds(low: int, length: int, seed: int) -> None:
    space = SearchSpace("s", "?", "", {"rank": Key(Int(low, low + length, log=True))})
    for point in random_points(space, 5, seed):
        assert low <= point["rank"] <= low + length


def test_a_logarithmic_domain_is_drawn_by_order_of_magnitude() -> None:
    drawn = [point["learning_rate"] for point in random_points(SPACE, 3000, seed=0)]
    decades = Counter(int(-log(rate, 10)) for rate in drawn)
    assert all(abs(decades[decade] / 3000 - 1 / 3) < 0.05 for decade in range(3))


def test_both_ends_of_an_integer_domain_are_drawn() -> None:
    drawn = {point.get("dims") for point in random_points(SPACE, 200, seed=0)}
    assert drawn == {None, 2, 3, 4}


def test_the_corners_are_both_ends_of_every_interval_for_every_choice() -> None:
    ends = {
        "learning_rate": (1e-3, 1.0),
        "label_smoothing": (0, 0.5),
        "rank": (1, 64),
        "dims": (2, 4),
    }
    expected = []
    for layer, names in (("dense", ("learning_rate", "label_smoothing")), ("cp", tuple(ends))):
        for side in (0, 1):
            expected.append({"layer": layer, **{name: ends[name][side] for name in names}})
    corners = corner_points(SPACE)
    assert len(corners) == 4
    assert all(corner in corners for corner in expected)


def test_many_choices_have_few_corners_and_each_value_is_in_one() -> None:
    keys = {f"key{number}": Key(Choice(tuple(range(5)))) for number in range(12)}
    corners = corner_points(SearchSpace("s", "?", "", keys))
    assert len(corners) <= 60
    assert all({corner[name] for corner in corners} == set(range(5)) for name in keys)
