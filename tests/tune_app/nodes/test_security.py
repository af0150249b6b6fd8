"""On one machine Ray listens on the loopback address alone, and another user gets nowhere."""

import contextlib
import ipaddress
import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
import ray

from tests.tune_app.ray_engine import Engine
from tests.tune_app.workload import plan_of, some_trials
from tune_app.nodes.cluster import private_temp_dir

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def study(ray_here):
    """The folder of a search that has run, where others could reach it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        engine = Engine(Path(folder))
        assert engine.run(plan_of(some_trials(1))).exit_code == 0
        yield engine.folder


def test_everything_listens_on_the_loopback_address_alone(study):
    listening = []
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            listening += [
                (process.name(), connection.laddr.ip)
                for connection in process.net_connections("inet")
                if connection.status == psutil.CONN_LISTEN
            ]
    assert any(name == "gcs_server" for name, _ in listening)
    assert [one for one in listening if not is_loopback(one[1])] == []


def shared_memory() -> set[str]:
    """What Ray's processes have mapped there; "(deleted)" follows a name that is no more."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            found |= {one.path for one in process.memory_maps() if one.path.startswith("/dev/shm/")}
    return found


def is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def test_another_user_gets_nowhere(study):
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    open_to_all = study.parent / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    session = (private_temp_dir() / "session_latest").resolve()
    mine = [path for path in session.rglob("*") if not path.is_symlink()]
    sockets = [str(path) for path in mine if stat.S_ISSOCK(path.lstat().st_mode)]
    token = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    environment = f"/proc/{os.getpid()}/environ"  # where a token may stand, too
    shared = shared_memory()
    assert shared  # of the object store
    secrets = (token, environment, *shared, *session.glob("logs/*.out"))
    asked = {
        "address": ray.get_runtime_context().gcs_address,
        "sockets": sockets,
        "secrets": [str(path) for path in secrets],
        "folders": [str(session), str(session / "sockets"), str(session / "logs")],
        "kept": [str(study), str(study / "checkpoints"), str(open_to_all)],
        "files": [str(path) for path in study.rglob("*") if path.is_file()],
    }
    assert len(sockets) >= 2  # the raylet's and the object store's
    assert asked["files"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.tune_app.nodes.other_user"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [f"write in {open_to_all}"]


def test_rays_folder_is_not_shared_with_whoever_made_it_first(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    first = private_temp_dir().parent
    assert first.stat().st_mode & 0o777 == 0o700
    assert private_temp_dir().parent == first
    first.chmod(0o777)
    assert private_temp_dir().parent.stat().st_mode & 0o777 == 0o700
    if os.geteuid() == 0:
        os.chown(first, 65534, 65534)
        assert private_temp_dir().parent != first
    first.rmdir()
    first.symlink_to("/tmp")
    assert private_temp_dir().parent != first
