"""A cluster of hosts with a search on it, to be struck."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.hosts import Host, Hosts, join, start_head
from tests.fixtures.s3_server import BUCKET

S3_PORT = 9000

SCRATCH = "/tmp/ranktune-0/scratch"

EPOCH = b'"type":"epoch"'


def package_folder(name: str) -> Path:
    """Where Python finds a package."""
    found = importlib.util.find_spec(name)
    assert found is not None
    return Path(str(found.origin)).parent


@dataclass(frozen=True)
class Driver:
    """A search's process, what it prints, and where its study lies."""

    process: subprocess.Popen
    host: Host
    log: Path
    study: Path

    @property
    def ledger(self) -> Path:
        return self.study / "ledger.jsonl"

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    @property
    def study_id(self) -> str:
        found = re.search(r'"study_id":"(\w+)"', self.ledger.read_text())
        assert found
        return found[1]

    def trained(self) -> int:
        """Trials with an epoch on record."""
        lines = self.ledger.read_bytes().splitlines() if self.ledger.exists() else []
        found = (re.search(rb'"trial_id":"([^"]+)"', one) for one in lines if EPOCH in one)
        return len({one[1] for one in found if one})

    def wait_for_trials(self, count: int, seconds: float = 600) -> None:
        """Until so many have finished an epoch: a fault is to strike trials that train."""
        deadline = time.monotonic() + seconds
        while self.trained() < count:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < deadline, f"not {count} trials in {seconds:.0f} s"
            time.sleep(0.1)

    def send(self, signal: str) -> None:
        """The driver alone bears its study's folder among its arguments."""
        self.host.run(f"pkill -{signal} -f '[t]ests.cluster.driver --results {self.study.parent} '")


@dataclass
class Cluster:
    """A head without slots and workers; drivers run on the last one.

    epochs: of trials that train and save to S3; None has scripted ones, whose epochs take seconds.
    at_once: trials of one driver; None for as many as there are slots. on_s3: where they save, else
    in a folder that all hosts see.
    """

    hosts: Hosts
    folder: Path
    slots: int
    trials: int
    epochs: int | None = None
    seconds: float = 1.0
    at_once: int | None = None
    on_s3: bool = False
    head: Host = field(init=False)
    workers: list[Host] = field(default_factory=list)
    drivers: list[Driver] = field(default_factory=list)
    s3: Host | None = None
    address: str = ""

    def start(self, workers: int) -> None:
        """Boots everything but a driver."""
        if self.on_s3:
            self.s3 = self.hosts.add("s3")
            self.s3.start(f"exec python -m tests.fixtures.s3_server {self.s3.address} {S3_PORT} "
                          f"{self.switch}")  # fmt: skip
        self.add_head("head")
        for number in range(1, workers + 1):
            self.add_worker(f"worker{number}")

    def add_head(self, name: str) -> None:
        self.head = self.hosts.add(name)
        self.address = start_head(self.head)

    def add_worker(self, name: str, *, without: str = "", **environment: str) -> None:
        """``without``: a package that its Python lacks; ``environment``: of its Ray."""
        host = self.hosts.add(name)
        if without:
            host.run(f"mount -t tmpfs tmpfs {package_folder(without)}")
        self.join(host, **environment)
        self.workers.append(host)

    def join(self, host: Host, **environment: str) -> None:
        """Starts Ray on a host; scratch files have a small disk of their own there."""
        host.run(f"mkdir -p {SCRATCH}; mount -t tmpfs -o size=50m tmpfs {SCRATCH}")
        join(host, self.address, self.slots, TMPDIR=SCRATCH, **environment)

    @property
    def switch(self) -> Path:
        """While this file exists, S3 does what it says."""
        return self.folder / "s3-refuses"

    @property
    def storage(self) -> str:
        if self.s3 is None:
            return str(self.folder / "storage")
        endpoint = f"{self.s3.address}:{S3_PORT}"
        query = f"scheme=http&region=us-east-1&endpoint_override={endpoint}"
        return f"s3://{BUCKET}/studies?{query}"

    def start_driver(
        self, results: str = "results", more: str = "", *, host: Host | None = None
    ) -> Driver:
        folder = self.folder / results
        log = self.folder / f"driver{len(self.drivers) + 1}.log"
        work = f"--epochs {self.epochs}" if self.epochs else f"--seconds {self.seconds}"
        if self.at_once:
            work += f" --max-concurrent {self.at_once}"
        host = host or self.workers[-1]
        process = host.start(
            f"exec python -m tests.cluster.driver --results {folder} --storage '{self.storage}' "
            f"--address {self.address} --trials {self.trials} {work} {more} > {log} 2>&1"
        )
        driver = Driver(process, host, log, folder / "scripted")
        self.drivers.append(driver)
        return driver

    def worker_logs(self, driver: Driver) -> list[Path]:
        """Of scripted trials; a study's folder in the storage bears the study's id."""
        return list((self.folder / "storage").glob(f"*{driver.study_id}*/*/worker.log"))
