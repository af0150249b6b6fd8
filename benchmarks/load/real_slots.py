"""A driver and its real workers on fake nodes: ``python -m benchmarks.load.real_slots``.

The nodes are raylets of one machine that claim cores. Each worker is a process of Ray's, without
torch, and sleeps through its epochs: what is measured is the search, not the training.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from analysis.record.record import read_record
from analysis.record.rows import Ended, Epoch, Row, Started
from benchmarks.growth import Watch, plan
from benchmarks.hardware import hardware
from benchmarks.instant import InstantTrainable
from tune_app.command.options import RunOptions
from tune_app.engine.runner_config import RunnerConfig
from tune_app.engine.workload import Workload
from tune_app.nodes.cluster import prepare_environment
from tune_app.study.run_study import run_study

EPOCHS = 5

TRAINABLE = "benchmarks.load.real_slots:SleepingTrainable"

ENVIRONMENT = {"RAY_worker_register_timeout_seconds": "600"}
"""Many workers start at once here, on few cores, and Ray gives each of them a minute."""


class WorkerMemory(threading.Thread):
    """Notes now and then how much memory the workers have, as ``count`` and ``megabytes``.

    A page that several processes share counts in parts (PSS).
    """

    def __init__(self, period: float = 15.0) -> None:
        super().__init__(daemon=True)
        self.count, self.megabytes = 0, 0.0
        self._period = period

    def run(self) -> None:
        while True:
            time.sleep(self._period)
            workers = []
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    title = " ".join(process.cmdline())
                    if title.startswith("ray::") and "Trainable" in title:
                        workers.append(process.memory_full_info().pss / 1e6)
            if len(workers) >= self.count:
                self.count, self.megabytes = len(workers), sum(workers)


class SleepingTrainable(InstantTrainable):
    """Takes ``seconds`` an epoch, and no processor."""

    def setup(self, config: dict[str, Any], seconds: float = 0.0) -> None:
        super().setup(config)
        self.seconds = seconds

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        super().setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        time.sleep(self.seconds)
        return super().step()


def measured(slots: int, nodes: int, seconds: float, rounds: int) -> dict:
    """Runs ``rounds`` trials a slot; figures from the moment when every slot has one.

    Raises:
        ValueError: the slots cannot be shared out evenly.
    """
    if slots % nodes:
        raise ValueError(f"{slots} slots on {nodes} nodes: each is to have equally many")
    os.environ.update(ENVIRONMENT)
    prepare_environment()
    import ray
    from ray.cluster_utils import Cluster

    watch, memory = Watch(), WorkerMemory()
    watch.start()
    memory.start()
    began = time.time()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(nodes):
        cluster.add_node(num_cpus=slots // nodes, object_store_memory=80_000_000)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    with tempfile.TemporaryDirectory(prefix="slots-") as folder:
        options = RunOptions(
            space="load",
            results_dir=Path(folder),
            storage=f"{folder}/storage",
            address=cluster.address,
            cpus_per_trial=1,
        )
        workload = Workload(TRAINABLE, {"seconds": seconds})
        planned = plan(slots * rounds, EPOCHS)
        outcome = run_study(planned, options, RunnerConfig(workload, report=False))
        rows = read_record(outcome.folder).rows
    ray.shutdown()
    cluster.shutdown()
    full = filled_at(rows, slots)
    epochs = [row.time for row in rows if isinstance(row, Epoch) and row.time > full]
    spent = watch.at(epochs[-1])[2] - watch.at(full)[2]
    return {
        "slots": slots,
        "nodes": nodes,
        "trials": slots * rounds,
        "epoch_seconds": seconds,
        "exit_code": outcome.exit_code,
        "seconds_until_every_slot_trains": round(full - began),
        "epochs_per_second": round(len(epochs) / (epochs[-1] - full), 1),
        "most_epochs_per_second": round(slots / seconds, 1),
        "driver_cpu_ms_per_epoch": round(1e3 * spent / len(epochs), 2),
        "workers": memory.count,
        "mb_of_a_worker": round(memory.megabytes / max(1, memory.count)),
        "driver_mb_peak": round(max(note[1] for note in watch.notes) / 1e6),
    }


def filled_at(rows: Sequence[Row], slots: int) -> float:
    """The moment from which so many trials ran at the same time.

    Raises:
        RuntimeError: there was none: trials ended before the last worker had started.
    """
    changes = [(row.time, 1) for row in rows if isinstance(row, Started)]
    changes += [(row.time, -1) for row in rows if isinstance(row, Ended)]
    running = most = 0
    for moment, change in sorted(changes):
        running += change
        most = max(most, running)
        if running == slots:
            return moment
    raise RuntimeError(f"at most {most} of {slots} slots trained at once: give a longer --seconds")


def main() -> None:
    """Prints what was measured, and adds it to the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0, help="an epoch takes")
    parser.add_argument("--rounds", type=int, default=3, help="trials a slot")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/load.json"))
    asked = parser.parse_args()
    machine = hardware()
    figures = measured(asked.slots, asked.nodes, asked.seconds, asked.rounds)
    figures["hardware"] = machine
    print(json.dumps(figures))
    record = json.loads(asked.out.read_text())
    record.setdefault("real_slots", []).append(figures)
    asked.out.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
