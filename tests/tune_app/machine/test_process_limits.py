"""A shell's ulimit that Ray cannot live with is told before it starts."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("ulimit -f 1000", "files are limited to 1.0 MB here (ulimit -f), and Ray takes 500.0 MB"),
        ("ulimit -v 5000000", "the addresses of a process are limited to 5.1 GB here (ulimit -v)"),
    ],
)
def test_a_limit_under_which_ray_fails_is_told_with_what_lifts_it(limit: str, told: str) -> None:
    command = f"{limit}; exec {sys.executable} run_tune.py --space quickstart --plan"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert told in done.stderr
    assert "unlimited" in done.stderr


def test_what_trials_need_is_no_problem() -> None:
    limits = "ulimit -f 600000; ulimit -v 9000000; ulimit -n 256"
    command = f"{limits}; exec {sys.executable} run_tune.py --space quickstart --plan"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, "ulimit" in done.stderr) == (0, False), done.stderr
