"""Spaces refuse to be ambiguous."""

import pytest

from search_spaces.grammar.domains import Choice, Float, Int
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Contrast, Trend
from search_spaces.grammar.space import SearchSpace


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


def test_a_question_that_the_design_cannot_answer_is_refused_with_its_path() -> None:
    with pytest.raises(ValueError, match=r"questions\[1\].key: the space has no key 'dims'"):
        space(questions=(Contrast("layer", "a", "b"), Contrast("dims", 2, 3)))


def test_with_other_keys_a_space_asks_what_it_still_can() -> None:
    decay = Key(Float(1e-5, 1, log=True, grid=(1e-4, 1e-3, 1e-2, 1e-1, 1)), role="carried")
    rank = Key(Int(1, 8, grid=(1, 2, 4)))
    contrast, trend = Contrast("layer", "a", "b"), Trend("weight_decay")
    asked = space(
        keys={"layer": Key(Choice(("a", "b"))), "rank": rank, "weight_decay": decay},
        questions=(trend, contrast),
    )
    narrow = {name: key for name, key in asked.keys.items() if name != "weight_decay"}
    assert asked.with_keys(narrow, {"weight_decay": 1e-3}).questions == (contrast,)
    assert asked.with_keys(asked.keys) == asked


@pytest.mark.parametrize("counts", [{"seeds": 0}, {"seeds": 1001}, {"estimating_seeds": -1}])
def test_choosing_and_estimating_seeds_never_meet(counts: dict) -> None:
    with pytest.raises(ValueError, match=r"seeds must lie in \[[01], 1000\]"):
        space(**counts)


def test_keys_are_told_apart_by_their_role() -> None:
    both = space(
        keys={"layer": Key(Choice(("a",))), "learning_rate": Key(Float(0.1, 1), role="nuisance")}
    )
    assert both.scientific_keys == ("layer",)
    assert both.nuisance_keys == ("learning_rate",)


def test_a_space_cannot_be_changed_after_it_was_made() -> None:
    with pytest.raises(TypeError):
        space().keys["dims"] = Key(Int(2, 3))  # type: ignore[index]
