"""An address that cannot be joined is named with what to do, in seconds; the token is private."""

import socket
import time

import pytest

from tune_app.command.errors import UsageError
from tune_app.machine import cluster_address
from tune_app.nodes import cluster


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


def test_a_token_that_others_can_read_is_taken_from_them(tmp_path, monkeypatch):
    token = tmp_path / "token"
    token.write_text("secret")
    token.chmod(0o644)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    cluster.tighten_token()
    assert token.stat().st_mode & 0o777 == 0o600
