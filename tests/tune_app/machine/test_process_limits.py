"""What of its surroundings Ray cannot live with is told before it starts, or kept from it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tune_app.machine.process_limits import limit_problems
from tune_app.nodes.cluster import ENVIRONMENT, prepare_environment

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


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_a_users_limit_of_processes_is_told_and_root_is_not_held_to_it() -> None:
    """User 65533 has no process but this one; Ray's start hangs for minutes under such a limit."""
    ask = "import resource, os, sys; from tune_app.machine.process_limits import limit_problems; "
    ask += "resource.setrlimit(resource.RLIMIT_NPROC, (120, 120)); print(limit_problems()); "
    ask += "os.setuid(65533); print(limit_problems())"
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    of_root, of_user = done.stdout.splitlines()
    assert "ulimit -u" not in of_root
    assert "120 processes and threads are allowed here (ulimit -u), 1 of them are there" in of_user


@pytest.mark.parametrize(("most", "told"), [("100", True), ("max", False), ("4000", False)])
def test_a_containers_limit_of_processes_is_told(tmp_path: Path, most: str, told: bool) -> None:
    (tmp_path / "pids.max").write_text(f"{most}\n")
    (tmp_path / "pids.current").write_text("12\n")
    found = [one for one in limit_problems(tmp_path) if "pids.max" in one]
    assert bool(found) is told
    if told:
        assert found[0].startswith("100 processes and threads are allowed here (pids.max of ")
        assert "12 of them are there, and Ray takes 200: allow more" in found[0]


def test_variables_of_other_programs_of_tune_do_not_reach_ray(monkeypatch) -> None:
    """It refuses the first, and delays what is seen of a trial by the second."""
    others = ("TUNE_RESULT_DIR", "TUNE_RESULT_BUFFER_LENGTH", "RAY_AIR_LOCAL_CACHE_DIR")
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ.update(dict.fromkeys((*others, "TUNE_GLOBAL_CHECKPOINT_S"), "1"))
    prepare_environment()
    assert not os.environ.keys() & others
    assert os.environ["TUNE_GLOBAL_CHECKPOINT_S"] == ENVIRONMENT["TUNE_GLOBAL_CHECKPOINT_S"]
