"""The quickstart runs on machines unlike a developer's: homes, folders, quotas, terminals.

``make test-slow`` runs these. A search takes from ten seconds to a minute, of two cores.
"""

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from analysis import load_study

ROOT = Path(__file__).resolve().parents[1]
QUICKSTART = [sys.executable, str(ROOT / "run_tune.py"), "--space", "quickstart"]

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]


def no_home(folder: Path) -> dict[str, str | None]:
    return {"HOME": None, "XDG_CACHE_HOME": None}


def a_home_that_is_not_there(folder: Path) -> dict[str, str | None]:
    return {"HOME": str(folder / "gone"), "XDG_CACHE_HOME": None}


def a_long_tmpdir(folder: Path) -> dict[str, str | None]:
    deep = folder / ("long" * 20) / ("longer" * 10)
    deep.mkdir(parents=True)
    return {"TMPDIR": str(deep)}


def a_tmpdir_with_spaces(folder: Path) -> dict[str, str | None]:
    spaced = folder / "für alle"
    spaced.mkdir()
    return {"TMPDIR": str(spaced)}


def the_plainest_locale(folder: Path) -> dict[str, str | None]:
    return {"LC_ALL": "C", "LANG": None, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


PLACES: list[Callable[[Path], dict[str, str | None]]] = [
    no_home,
    a_home_that_is_not_there,
    a_long_tmpdir,
    a_tmpdir_with_spaces,
    the_plainest_locale,
]


def environment(changes: dict[str, str | None]) -> dict[str, str]:
    merged: dict[str, str | None] = {**os.environ, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def check(folder: Path, done: "subprocess.CompletedProcess[str]") -> None:
    """Every trial finished, the report is whole, and nothing of the program's insides was said."""
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Traceback" not in said
    assert "Warning" not in said
    study = folder / "results" / "quickstart"
    statuses = list(load_study(study).trials["status"])
    assert statuses == ["finished"] * len(statuses)
    assert len(statuses) >= 8
    page = (study / "report.html").read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>")
    assert "running now" not in page
    assert len(list((study / "figures").glob("*.png"))) > 3


def quickstart(
    folder: Path, before: Sequence[str] = (), **options: object
) -> "subprocess.CompletedProcess[str]":
    settings = {"cwd": folder, "capture_output": True, "text": True, "encoding": "utf-8"} | options
    return subprocess.run([*before, *QUICKSTART], check=False, **settings)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_the_quickstart_runs_with(place: Callable[[Path], dict], tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    check(work, quickstart(work, env=environment(place(tmp_path))))


def test_the_quickstart_runs_for_a_user_without_a_name_or_a_home_to_write(tmp_path: Path) -> None:
    home, homeless, work = (tmp_path / name for name in ("home", "homeless", "work"))
    for folder in (home, homeless, work):
        folder.mkdir()
    files_alone = tmp_path / "nsswitch.conf"  # else systemd would make an entry up
    files_alone.write_text("passwd: files\ngroup: files\n")
    before = with_mounts(
        "mount --bind /dev/null /etc/passwd",
        f"mount --bind {files_alone} /etc/nsswitch.conf",
        f"mount --bind {home} {home}",
        f"mount -o remount,bind,ro {home}",
    )
    unnamed = {"HOME": None, "USER": None, "LOGNAME": None, "XDG_CACHE_HOME": None}
    check(homeless, quickstart(homeless, before, env=environment(unnamed)))
    check(work, quickstart(work, before, env=environment(unnamed | {"HOME": str(home)})))
    assert list(home.iterdir()) == []


def with_mounts(*commands: str) -> list[str]:
    """What to put before a command so that it alone sees these mounts."""
    script = " && ".join([*commands, 'exec "$@"'])
    before = ["unshare", "--mount", "sh", "-c", script, "sh"]
    if not shutil.which("unshare") or subprocess.run([*before, "true"], check=False).returncode:
        pytest.skip("nothing can be mounted here, so that such a machine cannot be imitated")
    return before


def test_the_quickstart_runs_in_a_folder_with_spaces_and_umlauts(tmp_path: Path) -> None:
    work = tmp_path / "Größe und Güte 100%"
    work.mkdir()
    check(work, quickstart(work))


@pytest.mark.parametrize("columns", [60, 200])
def test_the_quickstart_keeps_to_a_terminal_of(columns: int, tmp_path: Path) -> None:
    done = in_a_terminal(QUICKSTART, columns, tmp_path)
    check(tmp_path, done)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stdout)
    lines = [line for part in shown.split("\n") for line in part.rstrip("\r").split("\r")]
    # a path is one word, and is not broken
    without_paths = [" ".join(w for w in line.split(" ") if "/" not in w) for line in lines]
    assert [line for line in without_paths if len(line.rstrip()) > columns] == []


def in_a_terminal(
    command: list[str], columns: int, folder: Path
) -> "subprocess.CompletedProcess[str]":
    """What a process says that believes to have such a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    started = subprocess.Popen(
        command,
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment({"TERM": "xterm", "COLUMNS": None, "LINES": None}),
        start_new_session=True,
    )
    os.close(theirs)
    said = bytearray()
    while piece := _read(ours):
        said += piece
    os.close(ours)
    return subprocess.CompletedProcess(command, started.wait(), said.decode(), "")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's way to say that nobody writes any more
        return b""


@pytest.fixture
def one_cpu() -> Iterator[list[str]]:
    """What to put before a command so that it runs as in a container with a quota of one CPU."""
    version_1, version_2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
    mount, quota = (
        (version_1, {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "100000"})
        if version_1.is_dir()
        else (version_2, {"cpu.max": "100000 100000"})
    )
    group = mount / f"ranktune-test-{os.getpid()}"
    try:
        group.mkdir()
        for name, value in quota.items():
            (group / name).write_text(value)
    except OSError as problem:
        if group.is_dir():
            group.rmdir()
        pytest.skip(f"no CPU quota can be set here: {problem}")
    try:
        yield with_mounts(f"echo $$ > {group}/cgroup.procs", f"mount --bind {group} {mount}")
    finally:
        group.rmdir()


def test_a_quota_of_one_cpu_is_kept(one_cpu: list[str], tmp_path: Path) -> None:
    check(tmp_path, quickstart(tmp_path, one_cpu))
    assert set(load_study(tmp_path / "results" / "quickstart").runs["slots"]) == {1}
