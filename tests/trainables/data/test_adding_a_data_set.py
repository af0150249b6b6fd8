"""A data set is one file and one line: added to a copy of the project, it does all that was said.

Where this fails, a place outside ``trainables/data/datasets`` knows the data sets by name.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ADDITION = ROOT / "tests" / "fixtures" / "additions" / "data" / "seven_shades.py"
SMALL = ["--set=width=2", "--set=batch_size=64", "--set=epochs=1"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with one more data set: a file, and a line in the registry (and its import)."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("trainables", "tune_app", "analysis", "search_spaces"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "run_tune.py", copy)
    datasets = copy / "trainables" / "data" / "datasets"
    shutil.copy(ADDITION, datasets)
    registry = datasets / "registry.py"
    text = registry.read_text(encoding="utf-8")
    text = text.replace("        DIGITS,\n", "        DIGITS,\n        SHADES,\n")
    imported = "from trainables.data.datasets.seven_shades import SHADES\n"
    registry.write_text(re.sub("(?m)^from", f"{imported}from", text, count=1), encoding="utf-8")
    future = "from __future__ import annotations\n"
    text = registry.read_text(encoding="utf-8").replace(imported + future, future + imported)
    registry.write_text(text, encoding="utf-8")
    return copy


def run(project: Path, *words: str) -> str:
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_planned_with_its_own_number_of_classes(project: Path) -> None:
    told = run(project, "run_tune.py", "--space=quickstart", "--dataset=shades", "--plan", "--json")
    trials = json.loads(told)["trials"]
    assert {trial["config"]["classes"] for trial in trials} == {7}


def test_it_stands_in_the_help(project: Path) -> None:
    assert "seven shades of grey" in re.sub(r"[\s│]+", " ", run(project, "run_tune.py", "--help"))


def test_a_trained_epoch_learns_from_it(project: Path) -> None:
    told = run(project, "-m", "trainables", "train", "--set=dataset=shades", *SMALL)
    accuracy = re.search(r"epoch +1/1 .*validation [\d.]+ +([\d.]+)%", told)
    assert accuracy, told
    assert float(accuracy[1]) > 100 / 7
