"""Addresses that no Ray can use are refused before Ray waits for them."""

import shutil
import subprocess
import sys

import pytest

from tune_app.machine.cluster_address import loopback_problem

ASK = "from tune_app.machine.cluster_address import loopback_problem; print(loopback_problem())"


def test_a_machine_with_loopback_can_start_ray():
    assert loopback_problem() == ""


def test_a_machine_without_loopback_is_told_what_to_bring_up():
    alone = ["unshare", "--net"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], check=False).returncode:
        pytest.skip("no network namespace can be made here")
    told = subprocess.run(
        [*alone, sys.executable, "-c", ASK], capture_output=True, text=True, check=True
    ).stdout
    assert told.startswith("Ray's processes talk to each other at 127.0.0.1, which nothing reaches")
    assert "ip link set lo up" in told
