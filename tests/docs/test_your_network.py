"""docs/your-network.md does what it says."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trainables.config.installation import child_environment

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "your-network.md"


def blocks(language: str) -> list[str]:
    """The page's fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder outside the project, with the page's network in it."""
    (tmp_path / "net.py").write_text(blocks("python")[0], encoding="utf-8")
    return tmp_path


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=child_environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_layers_are_printed(folder: Path) -> None:
    assert "replaced 2 of 4 layers" in run(folder, "-m", "trainables", "layers", "net.py:make_net")


def test_its_network_is_planned_with_exact_counts(folder: Path) -> None:
    space = ["--space=quickstart", "--set=network=net.py:make_net", "--plan", "--json"]
    trials = json.loads(run(folder, str(ROOT / "run_tune.py"), *space))["trials"]
    dense = next(trial for trial in trials if trial["config"]["layer"] == "dense")
    assert dense["parameters"] == 57_290  # as torch counts them
    assert all(trial["id"].startswith("make_net-") for trial in trials)


def test_the_program_prints_the_counts_of_the_network_that_it_builds(folder: Path) -> None:
    text = blocks("python")[1] + "print(sum(one.numel() for one in net.parameters()))\n"
    (folder / "program.py").write_text(text, encoding="utf-8")
    planned, built = run(folder, "program.py").split("\n")[:2]
    assert planned.split()[0] == built
