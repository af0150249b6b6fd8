"""Several hosts on one machine: each in network, process, mount, host name and IPC namespaces."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NETWORK = int(os.environ.get("RANKTUNE_TEST_NETWORK", "31"))
"""Runs that share a machine take a number each."""

BRIDGE = f"ranktune{NETWORK}"
SUBNET = f"10.77.{NETWORK}"
GATEWAY = f"{SUBNET}.1"
PORT = 6379


OWN = ("/dev/shm", "/tmp/ray", "/tmp/ranktune-0")
"""What each host has of its own: shared memory, and where Ray's sockets lie."""


def checkout_as_command(folder: Path) -> Path:
    """A folder for PATH in which ``ranktune`` is this checkout, as if it were installed."""
    folder.mkdir(parents=True)
    command = folder / "ranktune"
    command.write_text(f'#!/bin/sh\nexec python {ROOT}/run_tune.py "$@"\n')
    command.chmod(0o755)
    return folder


@functools.cache
def missing() -> str:
    """Why hosts cannot be made here; empty where they can."""
    if os.geteuid() != 0:
        return "namespaces need root"
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        trial = f"ranktune{os.getpid() % 1_000_000}"  # several test processes ask at once
        _sh(f"ip link add {trial} type bridge && ip link del {trial}")
        _sh("unshare --pid --fork --mount --uts --ipc --net true")
        return ""
    return "this machine makes no network or process namespaces"


def minutes_unless(reason: str) -> list[pytest.MarkDecorator]:
    """The marks of tests that take minutes on hosts, skipped where there is a reason."""
    return [
        pytest.mark.cluster,
        pytest.mark.slow,
        pytest.mark.timeout(900),
        pytest.mark.skipif(bool(reason), reason=reason),
    ]


def _sh(command: str) -> None:
    subprocess.run(["sh", "-ec", command], check=True, capture_output=True, text=True)


@dataclass
class Host:
    """A machine: ``kill -9`` of its first process is a loss of power.

    What it writes to ``OWN`` and its home is its own; the rest of the disk is shared.
    """

    name: str
    number: int
    home: Path
    log: Path
    _init: subprocess.Popen | None = None

    @property
    def address(self) -> str:
        return f"{SUBNET}.{self.number}"

    @property
    def link(self) -> str:
        return f"rt{NETWORK}n{self.number}"

    def boot(self) -> None:
        """Ready in half a second."""
        self.home.mkdir(parents=True, exist_ok=True)
        ready = self.home / "ready"
        ready.unlink(missing_ok=True)
        own = "mkdir -p {0}; mount -t tmpfs tmpfs {0}; "
        init = (
            "".join(own.format(place) for place in OWN)
            # the first process of a machine reaps the others
            + f"hostname {self.name}; ip link set lo up; touch {ready}; while :; do sleep 1; done"
        )
        command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--mount", "--uts"]
        self._init = subprocess.Popen([*command, "--ipc", "--net", "sh", "-ec", init])
        deadline = time.monotonic() + 120
        while not ready.exists():
            assert time.monotonic() < deadline, f"{self.name} did not boot"
            time.sleep(0.02)
        _sh(
            f"ip link add {self.link} type veth peer name eth0 netns {self._inside()}; "
            f"ip link set {self.link} master {BRIDGE} up"
        )
        self.run(
            f"ip addr add {self.address}/24 dev eth0; ip link set eth0 up; "
            f"ip route add default via {GATEWAY}"
        )

    def _inside(self) -> int:
        """The process that is number 1 on the host, by its number here."""
        assert self._init is not None
        children = Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children")
        return int(children.read_text().split()[0])

    def start(self, command: str, **environment: str) -> subprocess.Popen:
        """A process on the host; its output goes to the host's log."""
        enter = ["nsenter", "-t", str(self._inside()), "-a", "sh", "-c", f"cd {ROOT}; {command}"]
        values = {**self.environment(), **environment}
        with self.log.open("a") as log:
            log.write(f"$ {command}\n")
            log.flush()
            return subprocess.Popen(enter, stdout=log, stderr=log, env=values)

    def run(self, command: str, timeout: float = 120, **environment: str) -> None:
        """Runs a command to its end, which must be a good one."""
        code = self.start(command, **environment).wait(timeout)
        assert code == 0, (
            f"{self.name}: {command} ended with {code}: {self.log.read_text()[-2000:]}"
        )

    def environment(self) -> dict[str, str]:
        """What a login on the host would have."""
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}".rstrip(":"),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.home.parent / "token"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",  # by default 15: whatever else runs here starves them
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def power_off(self) -> None:
        """Every process is gone at once, and no packet says so."""
        if self._init is not None:
            self.cut()
            subprocess.run(["kill", "-9", str(self._inside())], check=True)
            self._init.wait(60)
            self._init = None
            subprocess.run(["ip", "link", "del", self.link], check=False, capture_output=True)

    def cut(self) -> None:
        """Pulls the network cable."""
        subprocess.run(["ip", "link", "set", self.link, "down"], check=False)

    def mend(self) -> None:
        """Plugs it in again."""
        subprocess.run(["ip", "link", "set", self.link, "up"], check=True)


@dataclass
class Hosts:
    """A network with a bridge; hosts get addresses from .11 on."""

    folder: Path
    hosts: list[Host] = field(default_factory=list)

    def add(self, name: str) -> Host:
        """Boots one more."""
        number = 11 + len(self.hosts)
        host = Host(name, number, self.folder / name, self.folder / f"{name}.log")
        self.hosts.append(host)
        host.boot()
        return host


@contextlib.contextmanager
def network(folder: Path) -> Iterator[Hosts]:
    """Hosts that end with the block."""
    subprocess.run(["ip", "link", "del", BRIDGE], check=False, capture_output=True)
    _sh(f"ip link add {BRIDGE} type bridge; ip addr add {GATEWAY}/24 dev {BRIDGE}; "
        f"ip link set {BRIDGE} up")  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(os.urandom(32).hex())
    made = Hosts(folder)
    try:
        yield made
    finally:
        for host in made.hosts:
            with contextlib.suppress(Exception):
                host.power_off()
        _sh(f"ip link del {BRIDGE}")


@contextlib.contextmanager
def small_file_system(folder: Path, name: str) -> Iterator[None]:
    """100 MB below ``folder`` that every host sees, and can fill or freeze; none without a name."""
    if not name:
        yield
        return
    (folder / name).mkdir()
    disk = folder / f"{name}.disk"
    disk.touch()
    os.truncate(disk, 100_000_000)
    subprocess.run(["mkfs.ext4", "-q", disk], check=True)
    subprocess.run(["mount", "-o", "loop", disk, folder / name], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder / name], check=True)


HEALTH: Mapping[str, str] = {
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}
"""As the recipes set them: a silent host is given up after 8 s instead of a minute."""


def start_head(host: Host, cpus: int = 0) -> str:
    """Ray's head on a host; the cluster's address."""
    options = shlex.join(["--num-cpus", str(cpus), "--node-ip-address", host.address])
    quiet = "--include-dashboard=false --disable-usage-stats --object-store-memory 100000000"
    start_ray(host, f"--head --port {PORT} {options} {quiet}")
    return f"{host.address}:{PORT}"


def join(host: Host, address: str, cpus: int, **environment: str) -> None:
    """One more node of the cluster, whose workers have this environment too."""
    options = shlex.join(["--num-cpus", str(cpus), "--node-ip-address", host.address])
    memory = "--disable-usage-stats --object-store-memory 100000000"
    start_ray(host, f"--address {address} {options} {memory}", **environment)


def start_ray(host: Host, options: str, **environment: str) -> None:
    """Three times at most: Ray gives a start thirty seconds, however loaded the machine is."""
    once = f"ray start {options} && exit 0; ray stop --force"
    host.run(f"for attempt in 1 2 3; do {once}; done; exit 1", timeout=400, **HEALTH, **environment)
