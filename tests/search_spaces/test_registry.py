"""Laws for every space that ships with the project, and the 2018 study's counts."""

import subprocess
import sys

import pytest

from search_spaces.grammar.grid import grid_points, gridless_keys
from search_spaces.grammar.toml_file import SpaceError
from search_spaces.registry import SPACES, get_space
from trainables.config.train_config import TrainConfig
from trainables.sizes.registry import SIZES
from tune_app.planning.sampling import corner_points, random_points


@pytest.mark.parametrize(
    ("name", "points"),
    [("low_rank", 60), ("tensor_train", 57), ("tensor_train_december", 196), ("tucker", 72)],
)
def test_the_sweeps_of_2018_have_as_many_points_as_were_run(name: str, points: int) -> None:
    assert len(list(grid_points(SPACES[name]))) == points


@pytest.mark.parametrize("name", SPACES)
def test_a_space_is_registered_under_its_own_name(name: str) -> None:
    assert SPACES[name].name == name


@pytest.mark.parametrize("name", SPACES)
def test_a_space_says_its_question_and_its_source(name: str) -> None:
    assert SPACES[name].question.endswith("?")
    assert SPACES[name].source


@pytest.mark.parametrize("name", SPACES)
def test_every_key_has_grid_points(name: str) -> None:
    assert gridless_keys(SPACES[name]) == ()


@pytest.mark.parametrize("name", SPACES)
def test_grid_points_corners_and_samples_are_trial_configurations(name: str) -> None:
    space = SPACES[name]
    points = [*grid_points(space), *corner_points(space), *random_points(space, 50, seed=1)]
    assert len(points) >= 50
    for point in points:
        given = {**space.fixed, **point}
        config = TrainConfig.from_trial(given).to_dict()
        assert {key: config[key] for key in given} == given


def test_equal_budget_compares_every_family_and_every_reshaping() -> None:
    space = SPACES["equal_budget"]
    assert set(space.keys["layer"].domain.grid) == set(SIZES)
    reshaping = {name for name, family in SIZES.items() if family.reshapes}
    assert set(space.keys["dims"].when["layer"]) == reshaping


def test_quickstart_asks_at_least_eight_trials_of_three_families_on_embedded_data() -> None:
    points = list(grid_points(SPACES["quickstart"]))
    assert len(points) >= 8
    assert len({point["layer"] for point in points}) >= 3
    assert SPACES["quickstart"].fixed["dataset"] == "digits"


def test_an_unknown_space_lists_the_choices_and_the_nearest() -> None:
    with pytest.raises(SpaceError, match=r"'tensortrain'.*quickstart.*did you mean 'tensor_train'"):
        get_space("tensortrain")


def test_the_readmes_table_has_a_row_for_every_space() -> None:
    table = subprocess.run(
        [sys.executable, "-m", "search_spaces"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert table[0] == "| space | question | grid points | search | scheduler |"
    assert [row.split("`")[1] for row in table[2:]] == list(SPACES)
    assert "| 57 | grid | none |" in next(row for row in table if "`tensor_train`" in row)
