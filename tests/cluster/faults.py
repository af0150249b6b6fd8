"""Faults that strike a running search on several hosts, and what became of it.

``python -m tests.cluster.faults [FAULT …]`` runs them at 2 and at 12 slots a host, keeps what came
of each in benchmarks/results/cluster.json, and writes the table of docs/results/cluster.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.cluster.hosts import network
from tests.cluster.outcome import Outcome, first_attempt, tally
from tests.cluster.page import keep, write_page
from tests.cluster.running import Cluster

CONTINUE = "to continue: "
GONE = "is gone: "
AWAY = "has not answered for"

DRIVER_SECONDS = 900
"""No fault here keeps a search longer: one that takes more hangs."""


@dataclass(frozen=True)
class Fault:
    """What happens, and what a search owes whoever waits for it.

    strike: returns once the cause is over. says: words of the line that names the cause. trains:
    real networks, saving to S3; else scripted trials and a shared folder. rounds: trials a slot.
    small_storage: a file system of its own. exit_codes: of each driver. redone: epochs that a trial
    may train again; a scripted one saves each epoch. within: seconds until a trial goes on.
    hosts: on which trials run. lines: that may name it, however many trials it hit. ends: leaves
    trials for another command, within so many seconds.
    """

    strike: Callable[[Cluster], None]
    says: str = ""
    trains: bool = False
    rounds: int = 3
    small_storage: bool = False
    exit_codes: tuple[int, ...] = (0,)
    redone: int = 1
    within: float = 60
    hosts: int = 1
    lines: int = 2  # a loaded machine may miss a host's trials in two parts
    ends: float | None = None

    def problems(self, found: Outcome, *, patience: float = 1) -> list[str]:
        """What the search owed and did not do; ``patience`` times as long where others compute."""
        ends = None if self.ends is None else patience * self.ends
        within = patience * self.within
        named = sum(self.says in line for line in found.lines)
        owed = {
            "a line that names the cause": bool(found.said) or not self.says,
            f"at most {self.lines} lines that name it": named <= self.lines or not self.says,
            f"exit codes {self.exit_codes}": found.exit_codes == self.exit_codes,
            "every trial finished": found.finished == found.planned or self.ends is not None,
            f"an end within {ends} s": ends is None or found.seconds <= ends,
            "the command that goes on": self.ends is None or CONTINUE in "\n".join(found.lines),
            "no epoch lost": found.lost == 0,
            "no epoch twice on record": found.doubled == 0,
            "the results of an undisturbed search": found.differing == 0,
            f"at most {self.redone} epochs of a trial redone": found.redone_most <= self.redone,
            f"a trial goes on within {within} s": (found.recovered or 0) <= within,
            f"trials on {self.hosts} hosts": len(found.hosts) >= self.hosts,
        }
        return [words for words, kept in owed.items() if not kept]


def power_off_worker(cluster: Cluster) -> None:
    cluster.workers[0].power_off()


def power_off_head(cluster: Cluster) -> None:
    """The driver runs elsewhere."""
    cluster.head.power_off()


def continue_elsewhere(cluster: Cluster) -> None:
    """Everything is gone but the storage: a new head, new workers, no study folder."""
    cluster.head.power_off()
    cluster.drivers[0].process.wait(120)
    for worker in cluster.workers:
        worker.power_off()
    cluster.add_head("head2")
    for name in ("worker3", "worker4"):
        cluster.add_worker(name)
    cluster.start_driver("elsewhere")


def cut_link(seconds: float, cluster: Cluster) -> None:
    cluster.workers[0].cut()
    time.sleep(seconds)
    cluster.workers[0].mend()


def kill_worker_process(cluster: Cluster) -> None:
    cluster.workers[0].run("pkill -9 -o -f '[r]ay::ImplicitFunc|[r]ay::[A-Za-z]*Trainable'")


def add_node(cluster: Cluster) -> None:
    cluster.add_worker("worker3")


def drain_node(cluster: Cluster) -> None:
    """A spot machine's notice; the machine is taken half a minute later."""
    node = "pgrep -af raylet/raylet | grep -o 'node_id=[0-9a-f]*' | head -n 1 | cut -d = -f 2"
    answer = cluster.folder / "node"
    cluster.workers[0].run(f"{node} > {answer}")
    cluster.head.run(
        f"ray drain-node --address {cluster.address} --node-id {answer.read_text().strip()} "
        "--reason DRAIN_NODE_REASON_PREEMPTION --reason-message 'spot notice' "
        "--deadline-remaining-seconds 30"
    )
    time.sleep(30)
    cluster.workers[0].power_off()


def refuse(seconds: float, cluster: Cluster) -> None:
    """S3 answers 503."""
    cluster.switch.touch()
    time.sleep(seconds)
    cluster.switch.unlink()


def unreachable(seconds: float, cluster: Cluster) -> None:
    """The cable of the S3 server is pulled."""
    assert cluster.s3 is not None
    cluster.s3.cut()
    time.sleep(seconds)
    cluster.s3.mend()


def fill_storage(cluster: Cluster) -> None:
    cluster.fill_storage()
    time.sleep(20)
    cluster.free_storage()


def second_study(cluster: Cluster) -> None:
    """Of the same name in the same storage; it is interrupted, and goes on afterwards."""
    second = cluster.start_driver("results2", "--fresh")
    second.wait_for_trials(1)
    second.interrupt()
    second.process.wait(120)
    cluster.start_driver("results2")


S3_OUTAGE = partial(Fault, says=AWAY, trains=True, rounds=1, redone=0)

FAULTS: dict[str, Fault] = {
    "worker process killed": Fault(kill_worker_process, "ended without a word", within=15),
    "worker off": Fault(power_off_worker, GONE, within=15),
    "link cut 45 s": Fault(partial(cut_link, 45), GONE, within=15),
    "link cut 3 min": Fault(partial(cut_link, 180), GONE, within=15),
    "head off": Fault(power_off_head, AWAY, exit_codes=(1,), ends=30),
    "head off, continued elsewhere": Fault(
        continue_elsewhere,
        AWAY,
        exit_codes=(1, 0),
        within=180,  # a new cluster starts meanwhile
    ),
    "node added": Fault(add_node, rounds=6, hosts=3),
    "node drained": Fault(drain_node, "is being taken away"),
    "storage full 20 s": Fault(fill_storage, "is full", small_storage=True, within=90, lines=4),
    # the one that is interrupted waits for the other's slots
    "two studies at once": Fault(second_study, exit_codes=(0, 130, 0), rounds=6, within=90),
    "S3 503 for 20 s": S3_OUTAGE(partial(refuse, 20)),
    "S3 503 for 5 min": S3_OUTAGE(partial(refuse, 300)),
    "S3 unreachable 20 s": S3_OUTAGE(partial(unreachable, 20)),
    "S3 unreachable 5 min": S3_OUTAGE(partial(unreachable, 300)),
}


def strike(name: str, slots: int, folder: Path) -> Outcome:
    """Runs a search, lets the fault strike in its first round, and waits for its end."""
    fault = FAULTS[name]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with small_file_system(folder / "storage", fault.small_storage), network(folder) as hosts:
        trials = slots * fault.rounds
        cluster = Cluster(hosts, folder, slots, trials, 120 // slots if fault.trains else None)
        cluster.start()
        cluster.start_driver().wait_for_trials(slots * len(cluster.workers))
        struck, began = time.time(), time.monotonic()
        load = os.getloadavg()[0]
        fault.strike(cluster)
        codes = tuple(driver.process.wait(DRIVER_SECONDS) for driver in cluster.drivers)
        return outcome(name, cluster, struck, load, codes, time.monotonic() - began)


@contextlib.contextmanager
def small_file_system(folder: Path, wanted: bool) -> Iterator[None]:
    """100 MB that every host sees, and can fill."""
    if not wanted:
        yield
        return
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def outcome(
    name: str,
    cluster: Cluster,
    struck: float,
    load: float,
    codes: tuple[int, ...],
    seconds: float,
) -> Outcome:
    studies = {driver.study_id: driver for driver in cluster.drivers}  # by its last driver
    tallies = [
        tally(driver.study, [] if cluster.epochs else cluster.worker_logs(driver))
        for driver in studies.values()
    ]
    lines = [line for driver in cluster.drivers for line in driver.lines]
    redone = [count for one in tallies for count in one.redone.values()]
    says = FAULTS[name].says
    new_host = cluster.workers[-1].address if name == "node added" else ""
    return Outcome(
        fault=name,
        slots=cluster.slots,
        finished=sum(one.finished for one in tallies),
        planned=cluster.trials * len(studies),
        redone=sum(redone),
        redone_most=max(redone, default=0),
        lost=sum(one.lost for one in tallies),
        doubled=sum(one.doubled for one in tallies),
        differing=sum(one.differing for one in tallies),
        recovered=first_attempt([one.study for one in studies.values()], struck, new_host),
        exit_codes=codes,
        seconds=seconds,
        said=next((line for line in lines if says and says in line), ""),
        lines=tuple(lines),
        hosts=tuple(sorted({host for one in tallies for host in one.hosts})),
        load=load,
    )


def main(words: list[str]) -> int:
    """Runs what is asked for, else everything; 1 where a search did not do what it owed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--slots", type=int, nargs="*", default=[2, 12], help="of a host")
    parser.add_argument("--page", action="store_true", help="write the table alone")
    asked = parser.parse_args(words)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # hosts end too
    bad = False
    for name in [] if asked.page else asked.faults or list(FAULTS):
        for slots in asked.slots:
            folder = Path(tempfile.mkdtemp(prefix="faults-", dir=os.environ.get("FAULTS_DIR")))
            found = strike(name, slots, folder / "cluster")
            keep(found)
            problems = FAULTS[name].problems(found)
            print(f"{name}, {slots} slots: {'; '.join(problems) or 'well'}", flush=True)
            bad |= bool(problems)
    write_page(tuple(FAULTS))
    return int(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
