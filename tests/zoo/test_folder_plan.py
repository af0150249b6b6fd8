"""A plan of a damaged or closed folder names every fault, or goes on without the files."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.zoo.folders import break_three

ROOT = Path(__file__).resolve().parents[2]


def run_tune(
    *arguments: str, folder: Path, before: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, str(ROOT / "run_tune.py"), "--space=quickstart"]
    command = [*before, *program, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_plan_names_every_bad_file_or_goes_on_without_them(
    images: Path, tmp_path: Path
) -> None:
    broken = break_three(images)
    ask = ["--dataset=folder", f"--data-dir={images}", "--plan", "--set=batch_size=4"]
    refused = run_tune(*ask, folder=tmp_path)
    assert refused.returncode == 2
    assert all(str(path) in refused.stderr for path in broken)
    assert "Traceback" not in refused.stderr
    planned = run_tune(*ask, "--skip-unreadable", folder=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert "skipped: 3 files that cannot be read" in planned.stdout
    assert "train/ and test/ as they are" in planned.stdout
    listed = run_tune(*ask, "--skip-unreadable", "--json", folder=tmp_path)
    assert {trial["config"]["classes"] for trial in json.loads(listed.stdout)["trials"]} == {2}


def test_the_plan_refuses_what_the_run_would_and_says_so(images: Path, tmp_path: Path) -> None:
    ask = ["--dataset=folder", f"--data-dir={images}", "--set=batch_size=64", "--set=classes=3"]
    (tmp_path / "results").touch()
    planned = run_tune(*ask, "--plan", "--reuse-from=nowhere", folder=tmp_path)
    assert planned.returncode == 2
    assert "without --plan the same command would be refused here" in planned.stdout
    for words in ("folder has 2 classes, classes says 3", "nowhere is no study", "cannot write to"):
        assert words in planned.stderr
    listed = run_tune(*ask[:3], "--plan", "--json", folder=tmp_path)
    problems = json.loads(listed.stdout)["problems"]
    told = "batch_size 64 is more than the 18 images to train on: lower it (--set batch_size=…)"
    assert problems[0] == told
    started = run_tune(*ask[:3], folder=tmp_path)
    assert (started.returncode, started.stdout) == (2, "")
    assert started.stderr == listed.stderr
    assert (tmp_path / "results").stat().st_size == 0


@pytest.fixture
def unprivileged() -> list[str]:
    """What to put before a command so that permissions bind it, whoever runs the tests."""
    before = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]
    if os.geteuid():
        return []
    if not shutil.which("setpriv") or subprocess.run([*before, "true"], check=False).returncode:
        pytest.skip("permissions do not bind this user, and setpriv cannot change that")
    return before


def test_what_may_not_be_read_is_named_with_the_rest(
    images: Path, tmp_path: Path, unprivileged: list[str]
) -> None:
    closed = [images / "train" / "cat" / "closed", images / "test" / "dog" / "00.png"]
    closed[0].mkdir()
    for path in closed:
        path.chmod(0)
    ask = ["--dataset=folder", "--plan", "--set=batch_size=4"]
    refused = run_tune(*ask, f"--data-dir={images}", folder=tmp_path, before=unprivileged)
    assert refused.returncode == 2
    assert all(f"{path} (Permission denied)" in refused.stderr for path in closed)
    go_on = [*ask, f"--data-dir={images}", "--skip-unreadable"]
    skipped = run_tune(*go_on, folder=tmp_path, before=unprivileged)
    assert skipped.returncode == 0, skipped.stderr
    assert "skipped: 2 files" in skipped.stdout
    tmp_path.joinpath("shut").mkdir(mode=0)
    for words in (
        [f"--data-dir={tmp_path / 'shut' / 'images'}"],
        [f"--data-dir={images}", "--skip-unreadable", "--results-dir=shut/results"],
        [f"--data-dir={images}", "--skip-unreadable", "--set=network=shut/net.py:make"],
    ):
        done = run_tune(*ask, *words, folder=tmp_path, before=unprivileged)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
        assert "Permission denied" in done.stderr


def test_a_mistyped_folder_is_never_created(images: Path, tmp_path: Path) -> None:
    for extra in ([], ["--plan"]):
        done = run_tune("--dataset=cifar10", "--data-dir=image", *extra, folder=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert "did you mean images?" in done.stderr
        assert not (tmp_path / "image").exists()
