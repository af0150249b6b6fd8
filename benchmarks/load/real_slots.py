"""A driver and as many real workers as the memory holds: ``python -m benchmarks.load.real_slots``.

The nodes are fake: raylets of one machine that claim cores. Each worker is a real process, and
sleeps through its epochs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from analysis.record.record import read_record
from analysis.record.rows import Epoch, Started
from benchmarks.growth import Watch, plan
from benchmarks.hardware import hardware
from benchmarks.instant import InstantTrainable
from tune_app.command.options import RunOptions
from tune_app.engine.runner_config import RunnerConfig
from tune_app.engine.workload import Workload
from tune_app.nodes.cluster import prepare_environment
from tune_app.study.run_study import run_study

EPOCHS = 5


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
    """Runs ``rounds`` trials a slot; figures from the moment when every slot has one."""
    prepare_environment()
    import ray
    from ray.cluster_utils import Cluster

    watch = Watch()
    watch.start()
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
        work = Workload(f"{__spec__.name}:SleepingTrainable", {"seconds": seconds})  # type: ignore[name-defined]
        outcome = run_study(plan(slots * rounds, EPOCHS), options, RunnerConfig(work, report=False))
        rows = read_record(outcome.folder).rows
    ray.shutdown()
    cluster.shutdown()
    starts = sorted(row.time for row in rows if isinstance(row, Started))
    full = starts[slots - 1]
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
        "driver_mb_peak": round(max(note[1] for note in watch.notes) / 1e6),
    }


def main() -> None:
    """Prints what was measured, and adds it to the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0, help="an epoch takes")
    parser.add_argument("--rounds", type=int, default=3, help="trials a slot")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/load.json"))
    given = parser.parse_args()
    before = hardware()["load_average"]
    found = measured(given.slots, given.nodes, given.seconds, given.rounds)
    found |= {"load_average": [before, hardware()["load_average"]]}
    print(json.dumps(found))
    figures = json.loads(given.out.read_text())
    figures.setdefault("real_slots", []).append(found)
    given.out.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
