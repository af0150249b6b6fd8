"""Domains: bounds, points, and what they refuse."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.grammar.domains import Choice, Float, Int


@given(st.integers(-1000, 1000), st.integers(1, 1000), st.integers(-3000, 3000))
def test_an_int_contains_exactly_the_whole_numbers_between_its_ends(
    low: int, length: int, value: int
) -> None:
    domain = Int(low, low + length)
    assert domain.contains(value) == (value in range(low, low + length + 1))
    assert not domain.contains(value + 0.5)


@pytest.mark.parametrize("value", [True, "1", None, math.nan, math.inf])
def test_what_is_no_number_lies_in_no_interval(value: object) -> None:
    assert not Float(0, 2).contains(value)
    assert not Int(0, 2).contains(value)


def test_every_value_of_a_choice_is_a_grid_point() -> None:
    assert Choice(("a", 2, 0.5)).grid == ("a", 2, 0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(2, 1), "low must be below high, got low=2, high=1"),
        (lambda: Float(0, 1, log=True), "a logarithmic domain needs low > 0, got low=0"),
        (lambda: Int(1, 4, grid=(0, 2, 9)), r"grid points \[0, 9\] lie outside \[1, 4\]"),
        (lambda: Choice(()), "at least one value"),
        (lambda: Choice((1, 1)), "must differ"),
    ],
)
def test_an_impossible_domain_says_what_came_and_what_was_expected(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_domain_lists_all_its_problems() -> None:
    with pytest.raises(ValueError, match=r"low must be below high.*; .*needs low > 0"):
        Float(0, -1, log=True)
