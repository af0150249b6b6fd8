"""Ray that is not there when a study is opened: one line, nothing lost."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import wait
from pathlib import Path

import psutil
import pytest
import ray

from tests.tune_app.ray_engine import Engine
from tests.tune_app.workload import plan_of, some_trials
from trainables.config.installation import command_here
from trainables.data.datasets.registry import load_dataset
from trainables.data.sources import DataRequest
from tune_app.command.errors import RayLostError, UsageError
from tune_app.command.options import RunOptions
from tune_app.engine.workload import cifar_workload
from tune_app.nodes import cluster
from tune_app.nodes.ray_start import RayStart
from tune_app.session.signal_handler import SignalHandler

pytestmark = [pytest.mark.crash, pytest.mark.slow]


@pytest.mark.parametrize("part", ["raylet", "gcs_server"])
def test_data_for_a_ray_that_died_meanwhile_are_refused_in_one_line(part):
    """Later than that it is a matter of the search, which starts Ray anew."""
    data = load_dataset(DataRequest("digits"))
    cluster.start(None, cpus=1, gpus=0)
    try:
        (victim,) = ray_processes(part)
        victim.kill()
        os.waitid(os.P_PID, victim.pid, os.WEXITED | os.WNOWAIT)  # until its last thread has ended
        with pytest.raises(RayLostError, match=f"^Ray's {part} ended$"):
            cifar_workload(data)
    finally:
        cluster.stop()


def test_a_raylet_that_dies_as_it_starts_is_soon_followed_by_another():
    """Ray itself asks for the dead one for half a minute, and leaves its control store running."""
    killed = []

    def kill_the_first() -> None:
        while not killed:
            killed.extend(one for one in ray_processes("raylet") if not one.kill())
        killed.append(time.time())

    killer = threading.Thread(target=kill_the_first)
    killer.start()
    try:
        cluster.start(None, cpus=1, gpus=0)
        (another,) = ray_processes("raylet")
        first, died = killed
        assert another != first
        assert another.create_time() - died < 25
        assert len(ray_processes("gcs_server")) == 1
        assert len(cluster.nodes()) == 1
    finally:
        killer.join()
        cluster.stop()
    assert ray_processes("raylet", "gcs_server") == []


def ray_processes(*names: str) -> list[psutil.Process]:
    children = psutil.Process().children()
    running = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in running if child.name() in names]


def test_a_signal_is_the_studys_to_answer_as_soon_as_ray_is_there(handlers, lines):
    """Ray's own handler would end this process; the main thread has done nothing since."""
    options = RunOptions(space="quickstart", results_dir=Path())
    with SignalHandler() as signals, RayStart(options, ()) as ray_start:
        wait([ray_start._started])
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.exit_code == 143
        assert len(lines) == 1


def test_ray_that_does_not_start_is_one_line_and_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / (120 * "x")))  # too long for a socket's name
    engine = Engine(tmp_path)
    outcome = engine.run(plan_of(some_trials(1)))
    assert outcome.exit_code == 1
    reason, advice = engine.lines
    assert reason.startswith("the search did not begin, and nothing is lost: Ray did not start: ")
    assert "\n" not in reason
    assert advice == f"to continue: {command_here()} again"
    assert list(engine.folder.iterdir()) == []
    assert not ray.is_initialized()


def test_an_address_where_no_cluster_answers_is_wrong_use():
    with pytest.raises(UsageError, match=r"--address 127\.0\.0\.1:9: no Ray cluster answers there"):
        cluster.start("127.0.0.1:9")


def test_a_cluster_of_another_version_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    short = tempfile.TemporaryDirectory(prefix="ray-")  # for the names of Ray's sockets
    options = ["--port=0", "--num-cpus=1", "--include-dashboard=false", f"--temp-dir={short.name}"]
    head = subprocess.Popen([*start, *options], stdout=subprocess.DEVNULL)
    try:
        written = Path(short.name) / "ray_current_cluster"
        until = time.time() + 60
        while not written.exists():
            assert time.time() < until, "the head did not start"
            time.sleep(0.2)
        monkeypatch.setattr(ray, "__version__", "2.55.1")
        with pytest.raises(UsageError) as refused:
            cluster.start(written.read_text())
    finally:
        head.terminate()
        head.wait()
        short.cleanup()
    assert "Ray: 2.60.0" in str(refused.value)
    assert "Ray: 2.55.1" in str(refused.value)
    assert str(refused.value).endswith("Install the same Ray and Python on both sides")
    assert "no Ray cluster answers" not in str(refused.value)
