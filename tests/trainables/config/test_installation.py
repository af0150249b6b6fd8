"""The words that start a program are those that run where they are printed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainables.config.installation import CHECKOUT, child_environment

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("program", ["", "analysis", "train", "export"])
@pytest.mark.parametrize("place", ["the checkout", "elsewhere"])
def test_what_is_printed_runs_as_it_stands(place: str, program: str, tmp_path: Path) -> None:
    folder = ROOT if place == "the checkout" else tmp_path
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[0] = 'run_tune.py';"
        f"from trainables.config.installation import command_here; print(command_here({program!r}))"
    )
    asked = [sys.executable, "-c", script]
    words = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=True).stdout
    command = f"{words.strip()} --help"
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert (program or "--space") in done.stdout


def test_a_process_of_ones_own_finds_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/first", "/second"]))
    environment = child_environment()
    assert environment["PYTHONPATH"] == os.pathsep.join([str(CHECKOUT), "/first", "/second"])
    command = [sys.executable, "-c", "import analysis, run_tune"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
