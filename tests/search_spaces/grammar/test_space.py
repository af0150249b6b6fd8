"""Spaces refuse to be ambiguous."""

import pytest

from search_spaces.grammar.domains import Choice, Float, Int
from search_spaces.grammar.space import Contrast, Key, SearchSpace


def space(**changes) -> SearchSpace:
    given = {"name": "s", "question": "?", "source": "", "keys": {"layer": Key(Choice(("a", "b")))}}
    return SearchSpace(**{**given, **changes})


def test_a_key_is_searched_or_fixed_not_both() -> None:
    with pytest.raises(ValueError, match="'layer' is both fixed and searched"):
        space(fixed={"layer": "a"})


def test_a_condition_names_a_key_that_was_declared_before() -> None:
    rank = Key(Int(1, 8), when={"layer": ("b",)})
    with pytest.raises(ValueError, match="'rank' depends on 'layer'"):
        space(keys={"rank": rank, "layer": Key(Choice(("a", "b")))})


def test_a_conditional_key_applies_only_where_its_condition_holds() -> None:
    rank = Key(Int(1, 8), when={"layer": ("b", "c")})
    assert rank.applies({"layer": "c"})
    assert not rank.applies({"layer": "a"})
    assert not rank.applies({})


def test_a_contrast_compares_values_of_a_key_that_the_space_has() -> None:
    with pytest.raises(ValueError, match="compares 'dims'"):
        space(contrast=Contrast("dims", 2, 3))


def test_keys_are_told_apart_by_their_role() -> None:
    both = space(
        keys={"layer": Key(Choice(("a",))), "learning_rate": Key(Float(0.1, 1), role="nuisance")}
    )
    assert both.scientific_keys == ("layer",)
    assert both.nuisance_keys == ("learning_rate",)


def test_a_space_cannot_be_changed_after_it_was_made() -> None:
    with pytest.raises(TypeError):
        space().keys["dims"] = Key(Int(2, 3))  # type: ignore[index]
