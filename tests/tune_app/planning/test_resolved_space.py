"""--preset, --dataset and --set change a space as they say, or are refused."""

import dataclasses

import pytest

from search_spaces.grammar.domains import Choice, Float, Int
from search_spaces.grammar.key import Key
from search_spaces.grammar.question import Contrast
from search_spaces.grammar.seeds import estimating_seeds
from search_spaces.grammar.space import SearchSpace
from search_spaces.registry import SPACES
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.planning.resolved_space import QUICK, ResolvedSpace, apply_overrides


@pytest.fixture
def space() -> SearchSpace:
    return SearchSpace(
        "s",
        "?",
        "",
        keys={
            "layer": Key(Choice(("dense", "low_rank"))),
            "rank_scale": Key(Float(0.1, 1, grid=(0.5,)), when={"layer": ("low_rank",)}),
            "weight_decay": Key(Float(0, 1, grid=(0.1, 0.2)), role="nuisance"),
        },
        fixed={"epochs": 24, "width": 64},
        questions=(Contrast("layer", "dense", "low_rank"),),
        seeds=2,
    )


def resolved_space(space: SearchSpace, **options) -> ResolvedSpace:
    settings = options.pop("set", {})
    return apply_overrides(space, RunOptions(space="s", settings=settings, **options))


def refused(space: SearchSpace, **options) -> tuple[str, ...]:
    with pytest.raises(UsageError) as caught:
        resolved_space(space, **options)
    return caught.value.problems


def test_without_options_a_space_is_as_it_is(space: SearchSpace) -> None:
    assert resolved_space(space) == ResolvedSpace(space, (0, 1), (1000, 1001, 1002, 1003, 1004))


def test_a_searched_key_stays_searched_with_the_values_given(space: SearchSpace) -> None:
    keys = resolved_space(space, set={"weight_decay": (0.3,)}).space.keys
    assert keys["weight_decay"] == Key(Choice((0.3,)), role="nuisance")


def test_a_narrowed_key_keeps_its_condition(space: SearchSpace) -> None:
    keys = resolved_space(space, set={"rank_scale": (0.25, 0.5)}).space.keys
    assert keys["rank_scale"] == Key(Choice((0.25, 0.5)), when={"layer": ("low_rank",)})


def test_one_value_of_another_key_fixes_it_and_several_search_it(space: SearchSpace) -> None:
    changed = resolved_space(space, set={"epochs": (4,), "width": (8, 16)}).space
    assert changed.fixed == {"epochs": 4}
    assert changed.keys["width"] == Key(Choice((8, 16)))


def test_a_dropped_key_takes_its_default(space: SearchSpace) -> None:
    changed = resolved_space(space, set={"weight_decay": (None,), "epochs": (None,)}).space
    assert "weight_decay" not in {*changed.keys, *changed.fixed}
    assert changed.fixed == {"width": 64}


def test_another_way_of_giving_the_size_is_refused_with_the_remedy(space: SearchSpace) -> None:
    (problem,) = refused(space, set={"rank": (4,)})
    assert problem.startswith("space 's' gives the size by rank_scale, and --set")
    assert problem.endswith("add --set rank_scale=none")


def test_the_remedy_replaces_the_key_where_it_applied(space: SearchSpace) -> None:
    keys = resolved_space(space, set={"rank_scale": (None,), "rank": (4,)}).space.keys
    assert "rank_scale" not in keys
    assert keys["rank"] == Key(Choice((4,)), when={"layer": ("low_rank",)})


def test_two_sizes_on_the_command_line_are_refused(space: SearchSpace) -> None:
    (problem,) = refused(space, set={"rank_scale": (None,), "rank": (4,), "compression": (0.1,)})
    assert problem.startswith("--set gives a size in 2 ways, rank and compression")


def test_a_question_goes_with_its_key_and_the_plan_says_so() -> None:
    changed = resolved_space(SPACES["low_rank"], set={"weight_decay_scaling": (None,)})
    assert changed.space.questions == ()
    (note,) = changed.notes
    assert note.startswith("its question (contrast) is not asked: the space has no key")


@pytest.mark.parametrize(("option", "count"), [(None, 5), (0, 0), (3, 3)])
def test_estimating_seeds_are_apart_from_those_that_choose(
    space: SearchSpace, option: int | None, count: int
) -> None:
    resolved = resolved_space(space, estimating_seeds=option)
    assert resolved.estimating_seeds == estimating_seeds(count)
    assert not set(resolved.estimating_seeds) & set(range(1000))


@pytest.mark.parametrize(
    ("options", "beginning"),
    [
        ({"seeds": 1_000_000}, "--seeds takes 1 to 1000, got 1,000,000: those from 1000 on"),
        ({"set": {"seed": (3, 1000)}}, "--set seed= takes whole numbers from 0 to 999"),
    ],
)
def test_an_estimating_seed_chooses_nothing(
    space: SearchSpace, options: dict, beginning: str
) -> None:
    (problem,) = refused(space, **options)
    assert problem.startswith(beginning)


@pytest.mark.parametrize(
    ("options", "seeds"),
    [
        ({}, (0, 1)),
        ({"seeds": 4}, (0, 1, 2, 3)),
        ({"set": {"seed": (7, 9)}}, (7, 9)),
    ],
)
def test_seeds_are_the_spaces_the_options_or_named(
    space: SearchSpace, options: dict, seeds: tuple[int, ...]
) -> None:
    assert resolved_space(space, **options).seeds == seeds


def test_a_space_that_names_its_seeds_replicates_its_points_with_them(space: SearchSpace) -> None:
    searched = dataclasses.replace(space, keys={**space.keys, "seed": Key(Choice((3, 5)))})
    assert resolved_space(searched).seeds == (3, 5)
    assert "seed" not in resolved_space(searched).space.keys
    fixed = dataclasses.replace(space, fixed={"seed": 7})
    assert resolved_space(fixed).seeds == (7,)
    assert resolved_space(fixed, seeds=2).seeds == (0, 1)


def test_contradictions_are_told_together(space: SearchSpace) -> None:
    told = refused(
        space,
        seeds=2,
        dataset="digits",
        set={"seed": (-1,), "dataset": ("cifar10",), "layer": (None, "dense")},
    )
    assert [problem.split(";")[0] for problem in told] == [
        "--dataset and --set dataset= say different things",
        "--seeds and --set seed= both choose the seeds",
        "--set seed= takes whole numbers from 0 to 999 "
        "(those from 1000 on estimate what the others chose), got -1",
        "--set layer=none drops the key from the space",
    ]


def test_dropping_a_key_that_another_depends_on_is_refused(space: SearchSpace) -> None:
    (problem,) = refused(space, set={"layer": (None,)})
    assert "'rank_scale' depends on 'layer'" in problem


def test_dataset_is_the_key_of_that_name(space: SearchSpace) -> None:
    assert resolved_space(space, dataset="digits").space.fixed["dataset"] == "digits"


def test_quick_fixes_what_is_neither_searched_nor_set_and_says_so(space: SearchSpace) -> None:
    quick = resolved_space(space, preset="quick", set={"epochs": (3,)})
    assert quick.space.fixed["width"] == QUICK["width"]
    assert quick.space.fixed["epochs"] == 3
    assert quick.space.fixed["train_images"] == 10_240
    assert quick.notes[0].startswith("preset quick: width=8, batch_size=128")
    assert "epochs" not in quick.notes[0]


def test_quick_takes_all_images_of_a_small_dataset(space: SearchSpace) -> None:
    assert "train_images" not in resolved_space(space, preset="quick", dataset="digits").space.fixed


def test_a_searched_width_is_left_to_the_space() -> None:
    wide = SearchSpace("w", "?", "", {"width": Key(Int(4, 64, grid=(8, 16)))})
    assert "width" not in resolved_space(wide, preset="quick").space.fixed
