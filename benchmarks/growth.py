"""What a driver costs as a study grows: scripted trials of 24 epochs that take no time.

``python -m benchmarks.growth --trials 10000``: time per trial and memory for each thousand trials.

A slot beyond the cores has no worker ready, and a trial that takes no time is over before one has
started: Tune then asks for one after the other, and the benchmark measures starting processes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from pathlib import Path

import psutil

from analysis.record.record import read_record
from analysis.record.rows import Ended
from benchmarks.hardware import hardware
from search_spaces.grammar.domains import Float
from search_spaces.grammar.key import Key
from search_spaces.grammar.space import SearchSpace
from trainables.config.train_config import TrainConfig
from trainables.config.trial_id import trial_id
from tune_app.command.options import RunOptions
from tune_app.engine.runner_config import RunnerConfig
from tune_app.engine.workload import Workload
from tune_app.planning.parsed_point import PlannedTrial
from tune_app.planning.plan import Plan
from tune_app.study.run_study import run_study

FIXED = {"layer": "low_rank", "rank": 4, "width": 8, "epochs": 24, "precision": "fp32"}


def plan(trials: int, epochs: int = 24) -> Plan:
    """One network at many learning rates."""
    shared = {**FIXED, "epochs": epochs}
    space = SearchSpace(
        name="growth",
        question="What does the driver cost?",
        source="benchmarks/growth.py",
        fixed=shared,
        keys={"learning_rate": Key(Float(1e-3, 1.0))},
    )
    size = TrainConfig.from_trial(shared).network_size()
    planned = []
    for number in range(trials):
        config = TrainConfig.from_trial({**shared, "learning_rate": 1e-3 + number / (2 * trials)})
        planned.append(PlannedTrial(trial_id(config, size), config, size))
    return Plan(space, "grid", "none", tuple(planned))


class Watch(threading.Thread):
    """Notes the driver's memory and processor time once a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.process = psutil.Process()
        self.notes: list[tuple[float, int, float]] = []

    def run(self) -> None:
        while True:
            times = self.process.cpu_times()
            self.notes.append(
                (time.time(), self.process.memory_info().rss, times.user + times.system)
            )
            time.sleep(1.0)

    def at(self, when: float) -> tuple[float, int, float]:
        """The note nearest to a moment."""
        return min(self.notes, key=lambda note: abs(note[0] - when))


def curve(study: Path, watch: Watch, each: int) -> list[dict]:
    """For each so many trials: wall and driver seconds per trial, memory at their end."""
    ends = [row.time for row in read_record(study).rows if isinstance(row, Ended)]
    points = []
    for first in range(0, len(ends), each):
        part = ends[first : first + each]
        begin, end = watch.at(part[0]), watch.at(part[-1])
        count = max(1, len(part) - 1)
        points.append(
            {
                "trials": first + len(part),
                "wall_ms_per_trial": 1e3 * (part[-1] - part[0]) / count,
                "driver_cpu_ms_per_trial": 1e3 * (end[2] - begin[2]) / count,
                "driver_mb": end[1] / 1e6,
            }
        )
    return points


def main() -> None:
    """Prints and writes the curve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=2, help="at most as many as there are cores")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/growth.json"))
    given = parser.parse_args()
    watch = Watch()
    watch.start()
    scripted = Workload("benchmarks.instant:InstantTrainable")
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        options = RunOptions(
            space="growth", results_dir=Path(folder), cpus_per_trial=0.5, max_concurrent=given.slots
        )
        began = time.time()
        outcome = run_study(
            plan(given.trials),
            options,
            RunnerConfig(scripted, ("ray.tune",), report=False),
        )
        seconds = time.time() - began
        points = curve(outcome.folder, watch, max(10, given.trials // 10))
    figures = {
        "hardware": hardware(),
        "trials": given.trials,
        "epochs": 24,
        "exit_code": outcome.exit_code,
        "counts": dict(outcome.counts),
        "seconds": round(seconds),
        "peak_driver_mb": max(note[1] for note in watch.notes) / 1e6,
        "slowdown_last_over_first": points[-1]["wall_ms_per_trial"]
        / points[0]["wall_ms_per_trial"],
        "curve": points,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
