"""An address that cannot be joined is named with what to do, in seconds; the token is private."""

import shutil
import socket
import subprocess
import sys
import time

import pytest

from tests.cluster.hosts import ROOT
from tune_app.command.errors import UsageError
from tune_app.machine import cluster_address
from tune_app.nodes import cluster
from tune_app.nodes.cluster import join_problem
from tune_app.nodes.token import tighten_token


def test_a_clients_address_is_refused_with_the_ways_in():
    with pytest.raises(UsageError, match="ray job submit"):
        cluster.start("ray://10.0.0.1:10001")


def test_a_machine_that_is_no_node_is_told_so_at_once():
    if cluster_address._has_raylet():
        pytest.skip("Ray runs on this machine")
    with socket.create_server(("127.0.0.1", 0)) as head:
        began = time.monotonic()
        with pytest.raises(UsageError, match="this machine is not a node of a cluster"):
            cluster.start(f"127.0.0.1:{head.getsockname()[1]}")
        assert time.monotonic() - began < 10


def test_a_head_that_goes_away_while_it_is_joined_is_named_with_how_to_go_on(tmp_path):
    """It takes connections and answers nothing, then none; Ray waits for it without an end."""
    raylet = shutil.copy(str(shutil.which("sleep")), tmp_path / "raylet")  # as if Ray ran here
    results = ["--results-dir", str(tmp_path / "results")]
    with socket.create_server(("", 0)) as head, subprocess.Popen([raylet, "100"]) as node:
        address = f"localhost:{head.getsockname()[1]}"
        asked = ["run_tune.py", "--space", "quickstart", *results, "--address", address]
        driver = subprocess.Popen(
            [sys.executable, *asked], cwd=ROOT, text=True, stdout=subprocess.PIPE
        )
        time.sleep(8)  # while its start is under way
        assert driver.poll() is None
        head.close()
        said, _ = driver.communicate(timeout=60)
        node.kill()
    assert driver.returncode == 1
    reason, advice = said.splitlines()[-2:]
    assert reason.startswith("the search did not begin, and nothing is lost: the cluster's head ")
    assert "has not answered for" in reason
    assert advice.startswith("to continue: ")


def test_a_token_that_others_can_read_is_taken_from_them(tmp_path, monkeypatch):
    token = tmp_path / "token"
    token.write_text("secret")
    token.chmod(0o644)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    tighten_token()
    assert token.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("mode", "reason", "advises"),
    [
        (None, "Failed to connect to Ray cluster at head:6379", True),
        ("disabled", "Failed to connect to Ray cluster at head:6379", True),
        ("token", "Failed to connect to Ray cluster at head:6379", False),
        (None, "[Errno 111] Connection refused", False),
    ],
)
def test_a_cluster_that_refuses_a_driver_without_a_token_is_told_so(
    monkeypatch, mode, reason, advises
):
    """`ray start` asks for one by default; that it was missing stands in Ray's own log alone."""
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    if mode:
        monkeypatch.setenv("RAY_AUTH_MODE", mode)
    told = join_problem(reason)
    assert told.startswith(f"no Ray cluster answers there: {reason}")
    assert ("set RAY_AUTH_MODE=token" in told) == advises
