"""Addresses that no Ray can use are refused before Ray waits for them."""

import shutil
import subprocess
import sys

import pytest

from tune_app.machine.cluster_address import address_problem, host_and_port, loopback_problem

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


@pytest.mark.parametrize("address", ["localhost", "::1:6379", "local", "head:6379/", " head:6379"])
def test_what_is_no_address_of_a_cluster_is_told_at_once(address):
    said = f"--address {address}: this is no address of a cluster; name HOST:PORT, or auto"
    assert address_problem(address) == said


def test_an_address_of_ipv6_is_in_brackets():
    assert host_and_port("[::1]:6379") == ("::1", 6379)
    assert "no Ray cluster answers there" in address_problem("[::1]:1")
