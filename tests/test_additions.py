"""One of each kind, added to a copy of the project as README says, does what is promised there.

Layers, data sets and spaces: ``test_adding_a_layer.py``, ``test_adding_a_data_set.py`` and
``test_registry.py`` beside their rooms. Where one of these fails, a place knows its kind by name.
"""

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from tests.project_copy import ADDITIONS, ROOT, add_to_registry, copy_project, run

SMALL = ["--set=width=2", "--set=batch_size=64", "--set=train_images=256"]
PLAN = ["--space=quickstart", "--set=layer=dense,low_rank", "--set=rank_scale=0.5", "--plan"]
pytestmark = pytest.mark.slow

PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-n0"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with a file and a line more for each kind."""
    copy = copy_project(tmp_path_factory.mktemp("project"), "tests", "docs")
    add(copy, "networks/three_convs.py", "trainables/networks", '"three_convs": three_convs.ORIGIN')
    add(copy, "charts/by_seed.py", "analysis/charts", '"by_seed": by_seed.CHART')
    entry = 'SearcherEntry("small ones first", Points.GRID, "tune_app.deciding.{}")'
    made = entry.format("smallest_first:SmallestFirst")
    add(copy, "deciding/smallest_first.py", "tune_app/deciding", f'"smallest_first": {made}',
        registry="tune_app/command/searchers.py")  # fmt: skip
    made = 'SchedulerEntry("stops what does not learn", "tune_app.deciding.hurdle:Hurdle")'
    add(copy, "deciding/hurdle.py", "tune_app/deciding", f'"hurdle": {made}',
        registry="tune_app/command/schedulers.py")  # fmt: skip
    for line in tomllib.loads((ADDITIONS / "key.toml").read_text(encoding="utf-8"))["line"]:
        path = copy / line["file"]
        text = path.read_text(encoding="utf-8")
        assert text.count(f"{line['after']}\n") == 1, line
        with_line = text.replace(f"{line['after']}\n", f"{line['after']}\n{line['text']}\n")
        path.write_text(with_line, encoding="utf-8")
    return copy


def add(copy: Path, file: str, room: str, entry: str, registry: str = "") -> None:
    """A file, and a line in a registry; beside the file the line needs its import."""
    shutil.copy(ADDITIONS / file, copy / room)
    imported = "" if registry else f"from {room.replace('/', '.')} import {Path(file).stem}"
    add_to_registry(copy / (registry or f"{room}/registry.py"), imported, entry)


def plan(project: Path, *words: str) -> list[dict]:
    return json.loads(run(project, "run_tune.py", *PLAN, "--json", *words))["trials"]


def ids(project: Path, *words: str) -> set[str]:
    return {trial["id"] for trial in plan(project, *words)}


def test_a_network_is_found_by_its_name_counted_and_trained(project: Path) -> None:
    assert "replaced 2 of 4 layers" in run(project, "-m", "trainables", "layers", "three_convs")
    planned = plan(project, "--set=network=three_convs")
    dense = next(trial for trial in planned if trial["config"]["layer"] == "dense")
    assert dense["parameters"] == 448 + 4640 + 9248 + 330
    words = ["--dataset=digits", "--set=network=three_convs", "--set=epochs=1", *SMALL[1:]]
    assert "epoch   1/1" in run(project, "-m", "trainables", "train", *words)


def test_a_key_is_searched_and_obeyed_and_changes_no_other_trials_id(project: Path) -> None:
    before = {
        trial["id"] for trial in json.loads(run(ROOT, "run_tune.py", *PLAN, "--json"))["trials"]
    }
    assert {trial["id"] for trial in plan(project)} == before
    searched = {trial["id"] for trial in plan(project, "--set=rate_floor=0,0.5")}
    assert before < searched
    assert len(searched) == 2 * len(before)
    words = ["--dataset=digits", *SMALL, "--set=epochs=1", "--set=rate_floor=0.5", "--out=floor"]
    run(project, "-m", "trainables", "train", *words)
    state = json.loads((project / "floor" / "checkpoint" / "state.json").read_text())
    assert set(state["history"][-1]["learning_rates"].values()) == {0.2}  # dawn would end at 0
    run(project, *PYTEST, "tests/search_spaces/grammar/test_toml_file.py")


def test_a_chart_is_drawn_from_full_and_empty_studies_and_by_its_name(project: Path) -> None:
    told = run(project, *PYTEST, "-k", "by_seed", "tests/analysis/charts/test_every_chart.py")
    assert int(re.findall(r"(\d+) passed", told)[0]) >= 10
    words = ["figures", "docs/tour_study", "by_seed", "--format=svg", "--out=drawn"]
    assert "by_seed.svg" in run(project, "-m", "analysis", *words)


def test_a_searcher_and_a_scheduler_stand_in_help_and_plan(project: Path) -> None:
    told = re.sub(r"[\s│]+", " ", run(project, "run_tune.py", "--help"))
    assert "smallest_first: small ones first" in told
    assert "hurdle: stops what does not learn" in told
    words = ["--search=smallest_first", "--scheduler=hurdle", "--grace-period=3"]
    assert "hurdle: from epoch 3 on" in run(project, "run_tune.py", *PLAN, *words)


@pytest.mark.ray
def test_a_searcher_and_a_scheduler_drive_a_scripted_search(project: Path) -> None:
    chosen = [
        "-k",
        "full_search and (smallest_first or hurdle)",
        "tests/tune_app/study/test_study.py",
    ]
    told = run(project, *PYTEST, *chosen)
    assert "2 passed" in told
    told = run(project, *PYTEST, "-k", "hurdle", "tests/tune_app/deciding/test_schedulers.py")
    assert "passed" in told
