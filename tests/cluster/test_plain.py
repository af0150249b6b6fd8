"""The recipe for plain machines, on two of them: it runs, goes on, and lets nobody else in."""

import ipaddress
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.hosts import (
    ROOT,
    SUBNET,
    Host,
    checkout_as_command,
    minutes_unless,
    missing,
    network,
)

pytestmark = minutes_unless(missing())

RECIPE = "cluster/plain/node.sh"
STUDY = "--space quickstart --set layer=dense --set epochs=1 --estimating-seeds 0"


@dataclass
class Machines:
    """A head that the recipe started, and a machine that joined it."""

    folder: Path
    head: Host
    other: Host

    def run(self, host: Host, command: str) -> tuple[int, str]:
        """On a machine where nothing of Ray's is set; the exit code and what was printed."""
        before = len(host.log.read_text()) if host.log.exists() else 0
        unset = "unset RAY_AUTH_MODE RAY_AUTH_TOKEN_PATH PYTHONPATH"
        path = f"{self.folder / 'bin'}:{host.environment()['PATH']}"
        process = host.start(f"{unset}; {command}", PATH=path)
        return process.wait(400), host.log.read_text()[before:]

    def start(self, host: Host, words: str) -> str:
        """What the recipe prints; Ray gives a start thirty seconds, so it has three at most."""
        for _ in range(3):
            code, said = self.run(host, f"{RECIPE} {words}")
            if code == 0:
                return said
            self.run(host, f"{RECIPE} stop")
        raise AssertionError(said)


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain") / "shared"
    with network(folder) as hosts:
        checkout_as_command(folder / "bin")
        both = Machines(folder, hosts.add("first"), hosts.add("second"))
        said = both.start(both.head, "head")
        token = both.head.home / ".ranktune" / "token"
        copied = both.other.home / ".ranktune" / "token"
        copied.parent.mkdir(parents=True)
        shutil.copyfile(token, copied)
        copied.chmod(0o644)  # as a careless copy leaves it
        (join,) = re.findall(rf"{RECIPE} (join \S+)", said)
        both.start(both.other, join)
        yield both


def test_the_token_is_its_owners_alone(machines):
    for host in (machines.head, machines.other):
        assert (host.home / ".ranktune" / "token").stat().st_mode & 0o777 == 0o600


def test_the_printed_command_starts_a_study_and_goes_on_with_it(machines):
    token = machines.head.home / ".ranktune" / "token"
    study = f"{STUDY} --results-dir {machines.folder}/results"
    command = (
        f"RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH={token} ranktune {study} "
        f"--address {machines.head.address}:6379 --storage {machines.folder}/checkpoints"
    )
    code, said = machines.run(machines.head, command)
    assert code == 0, said
    assert "2 trials to run, 0 known" in said
    code, said = machines.run(machines.head, command)
    assert code == 0, said
    assert "0 trials to run, 2 known" in said


def test_whoever_has_no_token_is_refused_on_every_port(machines):
    store = f"{machines.head.address}:6379"
    asked = "python -m tests.cluster.stranger"
    for host in (machines.head, machines.other):
        ports = " ".join(str(port) for address, port in listening(machines, host) if wide(address))
        code, said = machines.run(
            machines.other, f"export PYTHONPATH={ROOT}; {asked} {host.address} {store} {ports}"
        )
        assert code == 0, said


def test_no_dashboard_listens_beyond_its_machine(machines):
    assert 8265 not in [
        port for address, port in listening(machines, machines.head) if wide(address)
    ]


def test_a_machine_that_stops_leaves_nothing_of_ray_behind(machines):
    code, said = machines.run(machines.other, f"{RECIPE} stop")
    assert code == 0, said
    assert machines.run(machines.other, "pgrep -x raylet")[0] == 1


def wide(address: str) -> bool:
    return not ipaddress.ip_address(address).is_loopback


def listening(machines: Machines, host: Host) -> list[tuple[str, int]]:
    """Address and port of every TCP socket that listens there."""
    code, said = machines.run(host, "ss -ltnH")
    assert code == 0, said
    ends = re.findall(r"^LISTEN\s+\d+\s+\d+\s+(\S+):(\d+)\s", said, re.MULTILINE)
    assert any(address.startswith(SUBNET) or address in ("*", "0.0.0.0") for address, _ in ends)
    return [(address.strip("[]").replace("*", "0.0.0.0"), int(port)) for address, port in ends]
