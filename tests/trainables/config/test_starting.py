"""A program starts, or says in a line why it cannot, whichever way it is called."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = str(ROOT / "run_tune.py")
STUDY = str(ROOT / "tests" / "fixtures" / "before_rooms" / "before_rooms")
BARE = [sys.executable, "-S"]  # as a Python into which nothing was installed


def said(words: list[str], shell: str = "", **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {shell}', "sh", *words],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", [[SCRIPT, "--list-spaces"], ["-m", "analysis", "list"]])
def test_a_python_without_the_libraries_is_told_which_to_use(words: list[str]) -> None:
    code, _, told = said([*BARE, *words])
    assert (code, told.count("\n")) == (2, 1)
    assert told.startswith(f"error: {sys.executable} has no package ")
    assert ".venv/bin/python" in told


def test_another_package_of_that_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "analysis").mkdir()
    (tmp_path / "analysis" / "__init__.py").touch()
    script = "import sys; sys.argv = ['ranktune']; import run_tune"
    paths = f"{tmp_path}:{ROOT}"
    code, _, told = said([sys.executable, "-P", "-c", script], PYTHONPATH=paths)
    assert (code, told.count("\n")) == (2, 1)
    assert str(tmp_path / "analysis") in told
    assert "PYTHONPATH" in told


@pytest.mark.parametrize("flag", ["-I", "-P", "-O"])
def test_pythons_own_switches_change_nothing(flag: str) -> None:
    code, printed, told = said([sys.executable, flag, SCRIPT, "--list-spaces", "--space=cp"])
    assert (code, told) == (0, "")
    assert printed.startswith("cp: 35 grid points")


def test_a_closed_stream_is_no_place_for_the_next_file(tmp_path: Path) -> None:
    """It would get what is printed."""
    words = [sys.executable, SCRIPT, "analysis", "status", STUDY]
    assert said(words, "<&- >&-") == (0, "", "")
    assert said([sys.executable, SCRIPT, "--space", "x"], ">&- 2>&-") == (2, "", "")
    script = "import sys; sys.argv = ['ranktune']; import run_tune; "
    script += f"print(open({str(tmp_path / 'file')!r}, 'w').fileno() > 2)"
    assert said([sys.executable, "-c", script], "<&-")[1] == "True\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_help_that_cannot_be_written_is_told() -> None:
    full = (2, "", "error: No space left on device; make room\n")
    assert said([sys.executable, SCRIPT, "--help"], "> /dev/full") == full
