"""From the command to the first trial, and whose processor time that is.

    python -m benchmarks.start_up            # five searches of a trial a core, one epoch each

Ray, the driver and its workers all start on the same cores: until the first trial begins, the time
can be no shorter than the processor seconds that they take together over the number of cores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from analysis.record.record import RecordError, read_record
from analysis.record.rows import Ended, Row, Started, rows_of
from benchmarks.hardware import hardware

RESULTS = Path(__file__).parent / "results" / "start_up.json"
TARGET = 12.0  # seconds
PARTS = {"ray::Dash": "agents", "ray::Runtime": "agents", "ray::": "workers", "core/src": "ray"}


def command(results: Path) -> list[str]:
    """A search of two trials, a second of training each."""
    space = results / "start_up.toml"
    space.write_text(
        '[space]\nquestion = "How long until a first trial?"\n'
        '[fixed]\ndataset = "digits"\nlayer = "dense"\nwidth = 8\nepochs = 1\nbatch_size = 64\n'
        "[keys.learning_rate]\nvalues = [0.05, 0.06]\n"
    )
    options = ["--space", str(space), "--results-dir", str(results), "--estimating-seeds", "0"]
    return [sys.executable, "run_tune.py", *options]


def measure(results: Path) -> dict[str, Any]:
    """One search: seconds to the first trial and to the last one's end, and core seconds before."""
    began = time.time()
    process = subprocess.Popen(command(results), stdout=subprocess.DEVNULL)
    study, spent = results / "start_up", Counter[str]()
    while process.poll() is None and not rows(study, Started):
        spent = core_seconds(psutil.Process(process.pid))
        time.sleep(0.1)
    if process.wait():
        raise RuntimeError(f"the search ended with exit code {process.returncode}")
    return {
        "first_trial": min(row.time for row in rows(study, Started)) - began,
        "last_end": max(row.time for row in rows(study, Ended)) - began,
        "core_seconds": dict(spent),
    }


def rows(study: Path, kind: type[Row]) -> list[Any]:
    """The rows of a kind that are on record by now."""
    try:
        return rows_of(read_record(study).rows, kind)
    except RecordError:
        return []


def core_seconds(driver: psutil.Process) -> Counter[str]:
    """Processor time so far by part; what has ended meanwhile is not counted."""
    spent: Counter[str] = Counter()
    for process in (driver, *driver.children(recursive=True)):
        try:
            name, times = " ".join(process.cmdline()), process.cpu_times()
        except psutil.Error:
            continue
        part = next((part for mark, part in PARTS.items() if mark in name), "others")
        spent["driver" if process == driver else part] += times.user + times.system
    return spent


def main() -> None:
    """Prints and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    runs = []
    for _ in range(given.runs):
        with tempfile.TemporaryDirectory(prefix="start-up-") as folder:
            runs.append(measure(Path(folder)))
    spent = [run["core_seconds"] for run in runs]
    figures = {
        "hardware": hardware(),
        "target_seconds": TARGET,
        "first_trial_seconds": median(run["first_trial"] for run in runs),
        "last_end_seconds": median(run["last_end"] for run in runs),
        "core_seconds": {part: median(one.get(part, 0.0) for one in spent) for part in spent[0]},
        "least_possible_seconds": median(sum(one.values()) for one in spent) / psutil.cpu_count(),
        "runs": runs,
    }
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
