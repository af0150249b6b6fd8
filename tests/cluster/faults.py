"""Faults that strike a running search on several hosts, and what became of it.

``python -m tests.cluster.faults [FAULT …]`` runs them at 2 and at 12 slots a host, keeps what came
of each in benchmarks/results/cluster.json, and writes the table of docs/results/cluster.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.cluster.fault import (
    DIED,
    FULL,
    GO_ON,
    GONE,
    HEAD,
    HOST,
    NOTHING,
    SILENT,
    TAKEN,
    TRIAL,
    WHENEVER,
    Fault,
    nothing_for,
)
from tests.cluster.hosts import network, small_file_system
from tests.cluster.load import LoadWatch, slowdown_at
from tests.cluster.outcome import Outcome, outcome
from tests.cluster.page import SLOTS, keep, write_page
from tests.cluster.running import Cluster
from tests.cluster.strikes import (
    add_node,
    add_unfit_node,
    continue_elsewhere,
    cut_driver,
    cut_link,
    drain_node,
    end_control_store,
    end_driver,
    end_ray,
    fill,
    fill_scratch,
    fill_shared_memory,
    flap,
    half_refused,
    hang_folder,
    kill_as_it_saves,
    kill_each,
    off_and_on,
    power_off_head,
    power_off_head_early,
    power_off_head_late,
    power_off_worker,
    refuse,
    refused_and_drained,
    refused_and_off,
    restart_head,
    second_driver,
    second_study,
    signal_worker,
    slow_storage,
    suspend_driver,
    take_memory,
    unmount_folder,
    unreachable,
)

DRIVER_SECONDS = 900
"""No fault here keeps a search longer: one that takes more hangs."""

REFUSALS = 6
"""A node that cannot train is named each minute for which Ray goes on placing trials there."""

S3 = partial(Fault, trains=True, workers=1, rounds=1, redone=0)
S3_OUTAGE = partial(S3, says=NOTHING)  # told after ten seconds and after a minute

# as many trials as slots: those of the hosts that stay are soon free for whoever lost theirs
SILENCE = partial(Fault, says=GONE, rounds=2, noticed=12, within=15)

FAULTS: dict[str, Fault] = {
    "worker process killed": Fault(partial(signal_worker, "KILL"), DIED, within=15),
    "worker process stopped": Fault(
        partial(signal_worker, "STOP"),
        f"{TRIAL} has reported nothing for too long: its worker is ended",
        within=90,  # ten epochs, and at least a minute, may pass without a word
    ),
    "worker process killed as it saves": S3(
        kill_as_it_saves, DIED, epochs=240, unsaved=25, within=90
    ),
    "Ray killed on a worker": SILENCE(end_ray),
    "worker off": SILENCE(power_off_worker),
    "worker off and on again": Fault(off_and_on, GONE, noticed=12, within=60, rounds=6, seconds=2),
    "worker off and on three times": Fault(
        flap, GONE, noticed=12, within=60, rounds=12, seconds=2, lines=4
    ),
    "link cut 45 s": SILENCE(partial(cut_link, 45)),
    "link cut 3 min": SILENCE(partial(cut_link, 180)),
    "head off": Fault(power_off_head, SILENT, exit_codes=(1,), ends=30),
    "head's control store killed": Fault(end_control_store, SILENT, exit_codes=(1,), ends=30),
    "head off, continued elsewhere": Fault(
        continue_elsewhere,
        SILENT,
        exit_codes=(1, 0),
        within=180,  # a new cluster starts meanwhile
    ),
    "driver's link cut, continued elsewhere": Fault(
        cut_driver, SILENT, exit_codes=(1, 0), within=60
    ),
    "driver killed, the same command at once": Fault(
        partial(end_driver, "KILL"), exit_codes=(-9, 0), within=60
    ),
    "SIGTERM, the same command at once": Fault(
        partial(end_driver, "TERM"),
        "stopping: interrupted by SIGTERM",
        exit_codes=(143, 0),
        within=60,
    ),
    "terminal closed, the same command at once": Fault(
        partial(end_driver, "HUP"),
        "stopping: interrupted by SIGHUP",
        exit_codes=(129, 0),
        within=60,
    ),
    "second driver from the storage alone": Fault(
        second_driver,
        r"error: \S+ is in use by .*; a study has one driver at a time: .*",
        exit_codes=(0, 2),
        seconds=3,
        lines=1,
    ),
    "node added": Fault(
        add_node,
        r"the cluster has \d+ slots now, \d+ before: its nodes changed",
        within=60,
        rounds=6,
        seconds=2,
        hosts=3,
    ),
    "node without the project added": Fault(
        partial(add_unfit_node, "tune_app"),
        rf"{HOST}: ModuleNotFoundError: No module named 'tune_app.*': .* elsewhere",
        rounds=6,
        seconds=4,
        within=120,  # a node starts meanwhile
        lines=REFUSALS,
    ),
    "node with a broken torch added": Fault(
        partial(add_unfit_node, "torch"),
        r"worker3: cannot import trainables.cifar_trainable \(ImportError: .*\); "
        "install what RankTune needs on every node: .* elsewhere",
        trains=True,
        workers=1,
        rounds=3,
        redone=0,
        within=60,
        lines=REFUSALS,
    ),
    "node drained": Fault(partial(drain_node, 30), TAKEN, within=60),
    "node drained, gone at once": Fault(partial(drain_node, 1), f"{TAKEN}|{GONE}", within=60),
    "storage full 20 s": Fault(
        partial(fill, "storage"), FULL, small="storage", within=90, spares=True
    ),
    "driver's disk full 20 s": Fault(partial(fill, "results"), FULL, small="results", redone=0),
    "disk of a worker full 20 s": Fault(
        fill_scratch,
        nothing_for("worker1: .*No space left on device"),
        trains=True,
        rounds=1,
        redone=0,
    ),
    "shared folder hangs for 2 min": Fault(
        hang_folder, NOTHING, trains=True, rounds=1, small="storage", redone=0, lines=4
    ),
    "shared folder not mounted on a worker for 40 s": Fault(
        unmount_folder,
        nothing_for("worker1: there is no .*: mount it there"),
        trains=True,
        rounds=1,
        small="storage",
        redone=0,
    ),
    "driver suspended for 90 s": Fault(suspend_driver, redone=0),
    "each worker of a host killed": Fault(
        kill_each,
        f"no more trials are placed on the host {HOST}, where one worker after the other ended .*",
        within=60,
    ),
    "host low on memory": Fault(
        take_memory,
        f"the host {HOST} is low on memory, and Ray ended its workers: {GO_ON}",
        within=60,
        rounds=6,
        seconds=2,
    ),
    "shared memory of a worker full": Fault(
        fill_shared_memory, GONE, trains=True, rounds=1, within=60, begun=False
    ),
    "head restarted at its address": Fault(
        restart_head,
        f"{HEAD} was started anew, and knows nothing of this search: .*",
        exit_codes=(1,),
        ends=60,
    ),
    "head off as the search begins": Fault(
        power_off_head_early, SILENT, exit_codes=(1,), ends=60, begun=False, hosts=0
    ),
    "head off as the search ends": Fault(power_off_head_late),
    "node drained while S3 refuses": Fault(
        refused_and_drained,
        TAKEN,
        trains=True,
        epochs=240,
        rounds=1,
        unsaved=45,
        within=WHENEVER,
    ),
    "two studies at once": Fault(
        second_study, exit_codes=(0, 130, 0), within=60, rounds=4, seconds=2, share=0.5
    ),
    "S3 503 for 20 s": S3_OUTAGE(partial(refuse, "503", 20)),
    "S3 503 for 5 min": S3_OUTAGE(partial(refuse, "503", 300)),
    "S3 unreachable 20 s": S3_OUTAGE(partial(unreachable, 20)),
    "S3 unreachable 5 min": S3_OUTAGE(partial(unreachable, 300)),
    "S3 keys expired for 40 s": S3_OUTAGE(partial(refuse, "403", 40)),
    "S3 bucket gone for 40 s": S3_OUTAGE(partial(refuse, "404", 40)),
    "S3 is a web page for 40 s": S3_OUTAGE(partial(refuse, "page", 40)),
    "S3 takes 5 s a call": S3(slow_storage, NOTHING, lines=6),
    "S3 refuses half of the requests": S3(half_refused),
    "S3 503 for 40 s, a worker off meanwhile": Fault(
        refused_and_off,
        GONE,
        trains=True,
        epochs=240,
        rounds=1,
        unsaved=20,
        noticed=20,  # it goes off after five
        within=WHENEVER,
    ),
}


def strike(name: str, slots: int, folder: Path) -> Outcome:
    """Runs a search, lets the fault strike once it trains, and waits for its end."""
    fault = FAULTS[name]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with small_file_system(folder, fault.small), network(folder) as hosts:
        trials = slots * fault.rounds * (fault.workers if fault.trains else 1)
        epochs = fault.epochs // slots if fault.trains else None
        # workers that start slowly are to overlap with those that train
        seconds = fault.seconds * slowdown_at(os.getloadavg()[0])
        at_once = round(fault.share * slots * fault.workers)
        capped = at_once if fault.share < 1 else None
        on_s3 = fault.trains and not fault.small
        cluster = Cluster(hosts, folder, slots, trials, epochs, seconds, capped, on_s3)
        cluster.start(fault.workers)
        driver = cluster.start_driver()
        if fault.begun:
            driver.wait_for_trials(at_once)
        struck, began, load = time.time(), time.monotonic(), os.getloadavg()[0]
        with LoadWatch() as watch:
            fault.strike(cluster)
            codes = tuple(driver.process.wait(DRIVER_SECONDS) for driver in cluster.drivers)
        found = outcome(name, fault.names, cluster, struck, load, codes, time.monotonic() - began)
        until = struck + (found.recovered or found.seconds)
        return replace(found, load=max(load, watch.mean(struck, until)))


def main(words: list[str]) -> int:
    """Runs what is asked for, else everything; 1 where a search did not do what it owed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--slots", type=int, nargs="*", default=SLOTS, help="of a host")
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
