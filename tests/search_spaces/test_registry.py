"""Laws for every space that ships with the project, and the 2018 study's counts."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from search_spaces.grammar.grid import grid_points, gridless_keys
from search_spaces.grammar.toml_file import SpaceError, read_space
from search_spaces.grammar.toml_text import toml_text
from search_spaces.registry import SPACES, get_space
from trainables.config.train_config import TrainConfig
from trainables.sizes.registry import SIZES
from tune_app.command.options import RunOptions
from tune_app.planning.plan import make_plan
from tune_app.planning.sampling import corner_points, random_points

ROOT = Path(__file__).resolve().parents[2]


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


@pytest.mark.parametrize("name", SPACES)
def test_a_space_asks_in_the_grammar_and_chooses_on_two_seeds_what_it_tunes(name: str) -> None:
    space = SPACES[name]
    assert space.questions
    assert space.estimating_seeds == 5
    tuned = [name for name, key in space.keys.items() if key.role != "scientific"]
    assert space.seeds >= (2 if tuned else 1)


@pytest.mark.parametrize("name", SPACES)
def test_a_ready_space_is_the_file_that_the_page_shows(name: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "spaces.md").read_text(encoding="utf-8")
    shown = re.search(rf"^### {name}\n\n```toml\n(.*?)```", page, re.DOTALL | re.MULTILINE)
    assert shown, f"python -m search_spaces --toml prints what docs/spaces.md is to show of {name}"
    path = tmp_path / "other.toml"
    path.write_text(shown[1], encoding="utf-8")
    assert read_space(path) == SPACES[name]
    assert shown[1] == toml_text(SPACES[name])


def test_the_decays_of_weight_decay_reach_beyond_where_a_scaled_one_would_be_best() -> None:
    """Whatever the exponent, each arm's best λ lies inside the grid, 5e-4 being best at one."""
    space = SPACES["weight_decay"]
    grid = space.keys["weight_decay"].domain.grid
    shares = [
        TrainConfig.from_trial({**space.fixed, **point}).network_size().compression
        for point in grid_points(space)
    ]
    wanted = [5e-4 / share**alpha for share in shares for alpha in (0, 0.5, 1)]
    assert min(grid) < min(wanted) / 3
    assert max(wanted) * 3 < max(grid)


def test_every_ranked_family_fills_every_budget_of_equal_budget() -> None:
    space = SPACES["equal_budget"]
    for point in (one for one in grid_points(space) if SIZES[one["layer"]].ranked):
        size = TrainConfig.from_trial({**space.fixed, **point}).network_size()
        assert 0.98 * point["compression"] <= size.compression <= point["compression"]


def test_equal_budget_runs_the_dense_networks_beside_its_smallest_budget() -> None:
    made = make_plan(RunOptions(space="equal_budget", seeds=1), SPACES["equal_budget"])
    assert made.infeasible == ()
    beside = {one.config.layer for one in made.trials if one.config.budget_side != "within"}
    assert beside == {"dense"}


@pytest.mark.seconds  # starts processes
def test_a_space_is_added_by_its_file_and_one_line(tmp_path: Path) -> None:
    for folder in ("search_spaces", "trainables", "analysis", "tune_app"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "run_tune.py", tmp_path)
    shutil.copy(
        ROOT / "tests/fixtures/additions/search_spaces/shallow.py", tmp_path / "search_spaces"
    )
    registry = tmp_path / "search_spaces" / "registry.py"
    line = '    "quickstart",\n'
    assert line in registry.read_text()
    registry.write_text(registry.read_text().replace(line, line + '    "shallow",\n'))

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "| `shallow` | Is a tensor train of two" in run("-m", "search_spaces")
    assert "question" in run("-m", "search_spaces", "--toml").split("### shallow")[1]
    assert "shallow: 8 grid points" in run("run_tune.py", "--list-spaces")
    plan = run("run_tune.py", "--space", "shallow", "--plan")
    assert "16 trials" in plan
    assert "stage 2, to estimate: what each arm chose" in plan


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


def test_a_studys_folder_is_not_taken_for_a_space() -> None:
    with pytest.raises(SpaceError, match=r"is a study's folder.*command that began the study"):
        get_space(str(ROOT / "docs" / "tour_study"))


def test_the_readmes_table_has_a_row_for_every_space() -> None:
    table = subprocess.run(
        [sys.executable, "-m", "search_spaces"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert table[0] == "| space | question | asks | grid points | search | scheduler |"
    assert [row.split("`")[1] for row in table[2:]] == list(SPACES)
    assert "| 57 | grid | none |" in next(row for row in table if "`tensor_train`" in row)
