"""Faults that strike a running search on several hosts, and what became of it.

``python -m tests.cluster.faults [FAULT …]`` runs them at 2 and at 12 slots a host and prints the
table of docs/results/cluster.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analysis.record.record import read_record
from analysis.record.rows import Epoch, Started
from analysis.study.study import load_study
from tests.cluster.hosts import Host, Hosts, join, network, start_head

SECONDS = 1.0
"""Of an epoch of a scripted trial, which has nine."""


@dataclass(frozen=True)
class Outcome:
    """What became of a search.

    finished, planned: trials. redone: epochs trained more than once. lost, doubled: epochs missing
    from the record, or twice on it. recovered: seconds from the fault to the first attempt that
    started after it; None where none did. lines: what was printed.
    hosts: on which trials ran.
    """

    fault: str
    slots: int
    finished: int
    planned: int
    redone: int
    lost: int
    doubled: int
    recovered: float | None
    exit_code: int
    seconds_to_exit: float
    lines: tuple[str, ...]
    hosts: frozenset[str]

    def said(self, words: str) -> str:
        """The first line that holds the words; "" where none does."""
        return next((line for line in self.lines if words in line), "")


@dataclass
class Cluster:
    """A head without slots, two workers, and a driver on the second."""

    hosts: Hosts
    folder: Path
    slots: int
    head: Host
    workers: list[Host]
    address: str
    trials: int

    @property
    def driver_host(self) -> Host:
        return self.workers[-1]

    @property
    def study(self) -> Path:
        return self.folder / "results" / "scripted"

    def start_driver(self) -> subprocess.Popen:
        command = "python -m tests.cluster.scripted_driver"
        arguments = f"{self.folder} {self.address} {self.trials} {SECONDS}"
        return self.driver_host.start(f"exec {command} {arguments}")

    def wait_for_epochs(self, count: int, driver: subprocess.Popen) -> None:
        ledger = self.study / "ledger.jsonl"
        deadline = time.monotonic() + 240
        while not (ledger.exists() and ledger.read_bytes().count(b'"type":"epoch"') >= count):
            assert driver.poll() is None, self.driver_host.log.read_text()[-3000:]
            assert time.monotonic() < deadline, f"not {count} epochs in four minutes"
            time.sleep(0.1)

    def outcome(self, fault: str, struck: float, code: int, took: float) -> Outcome:
        rows = read_record(self.study).rows
        recorded = Counter((row.trial_id, row.epoch) for row in rows if isinstance(row, Epoch))
        begun: Counter = Counter()
        for log in (self.folder / "storage").glob("**/worker.log"):
            for line in log.read_text().splitlines():
                begun[log.parent.name, int(line.split()[1])] += 1
        starts = [row.time for row in rows if isinstance(row, Started) and row.attempt > 1]
        later = [when - struck for when in starts if when > struck]
        trials = load_study(self.study).trials
        finished = trials[trials["status"] == "finished"]
        wanted = {(name, n) for name in finished["trial_id"] for n in range(1, 10)}
        text = self.driver_host.log.read_text().rpartition("$ exec python")[2]
        return Outcome(
            fault=fault,
            slots=self.slots,
            finished=len(finished),
            planned=self.trials,
            redone=sum(count - 1 for count in begun.values() if count > 1),
            lost=len(wanted - recorded.keys()),
            doubled=sum(count > 1 for count in recorded.values()),
            recovered=min(later, default=None),
            exit_code=code,
            seconds_to_exit=took,
            lines=tuple(text.splitlines()[1:]),
            hosts=frozenset(row.host for row in rows if isinstance(row, Started) and row.host),
        )


def power_off_worker(cluster: Cluster) -> None:
    """A worker's host loses power."""
    cluster.workers[0].power_off()


def power_off_head(cluster: Cluster) -> None:
    """The head's host loses power; the driver runs elsewhere."""
    cluster.head.power_off()


def cut_link(cluster: Cluster) -> None:
    """A worker's cable is pulled for 45 s."""
    cluster.workers[0].cut()
    time.sleep(45)
    cluster.workers[0].mend()


def kill_trial(cluster: Cluster) -> None:
    """One worker process is killed."""
    cluster.workers[0].run("pkill -9 -o -f '[r]ay::[A-Za-z]*Trainable'")


def add_node(cluster: Cluster) -> None:
    """A third worker joins while the search runs."""
    third = cluster.hosts.add("worker3")
    join(third, cluster.address, cluster.slots)


FAULTS: dict[str, Callable[[Cluster], None]] = {
    "worker off": power_off_worker,
    "head off": power_off_head,
    "link cut 45 s": cut_link,
    "trial killed": kill_trial,
    "node added": add_node,
}


def strike(fault: str, slots: int, folder: Path, *, rounds: int = 3) -> Outcome:
    """Runs a search of ``rounds`` trials a slot, and lets the fault strike in its first round."""
    shutil.rmtree(folder, ignore_errors=True)
    with network(folder) as hosts:
        head = hosts.add("head")
        workers = [hosts.add(f"worker{number}") for number in (1, 2)]
        address = start_head(head)
        for worker in workers:
            join(worker, address, slots)
        cluster = Cluster(hosts, folder, slots, head, workers, address, rounds * slots)
        driver = cluster.start_driver()
        cluster.wait_for_epochs(2 * slots, driver)
        struck, began = time.time(), time.monotonic()
        FAULTS[fault](cluster)
        code = driver.wait(400)
        return cluster.outcome(fault, struck, code, time.monotonic() - began)


def table(outcomes: list[Outcome]) -> str:
    """Markdown."""
    head = "| fault | slots a host | trials | epochs redone | next attempt after | exit | said |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for one in outcomes:
        again = "none needed" if one.recovered is None else f"{one.recovered:.1f} s"
        said = next((line for line in one.lines if "goes on" in line or "go on" in line), "")
        said = said or one.said("head") or one.said("accounted") or "nothing"
        lines.append(
            f"| {one.fault} | {one.slots} | {one.finished} of {one.planned} | {one.redone} | "
            f"{again} | {one.exit_code} after {one.seconds_to_exit:.0f} s | {said} |"
        )
    return "\n".join(lines)


def main(wanted: list[str]) -> int:
    """Runs what is asked for, else everything."""
    outcomes = []
    for fault in wanted or list(FAULTS):
        for slots in (2, 12):
            folder = Path(tempfile.mkdtemp(prefix="faults-", dir=os.environ.get("FAULTS_DIR")))
            outcomes.append(strike(fault, slots, folder / "cluster"))
            print(table(outcomes), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
