"""Seconds to write the report of 1,000 trials: page, Markdown and all pictures.

    python -m benchmarks.report                # measures and writes results/report.json
    python -m benchmarks.report --trials 100   # a quick look

Each round has processes of its own: one reads the study and writes its report (wall and CPU
seconds, those of the process that draws the pictures apart); another is the whole command
``python -m analysis STUDY``, which starts Python, imports, and writes the tables too.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from analysis.charts.pictures import Pictures
from analysis.report.report import write_report
from analysis.study.study import load_study
from benchmarks.hardware import hardware
from tests.analysis.studies import many

RESULTS = Path(__file__).parent / "results" / "report.json"
TARGETS = {"seconds": 10.0, "page_bytes": 10_000_000}  # at 1,000 trials


def measured(folder: Path) -> dict[str, Any]:
    """One report, from reading the study to the last picture, and one whole command."""
    with multiprocessing.get_context("spawn").Pool(1) as fresh:
        report = fresh.apply(written, [folder])
    start = time.perf_counter()
    command = [sys.executable, "-m", "analysis", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return {**report, "command_seconds": time.perf_counter() - start}


def written(folder: Path) -> dict[str, Any]:
    """One report, in the process that calls."""
    before, start = _cpu(), time.perf_counter()
    with Pictures() as pictures:
        page = write_report(load_study(folder), pictures)
    own, children = (now - then for now, then in zip(_cpu(), before, strict=True))
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": own,
        "pictures_cpu_seconds": children,
        "page_bytes": page.stat().st_size,
        "pictures": len(list((folder / "figures").iterdir())),
    }


def _cpu() -> tuple[float, float]:
    """CPU seconds of this process, and of those it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return used[0].ru_utime + used[0].ru_stime, used[1].ru_utime + used[1].ru_stime


def main() -> None:
    """Measures, prints and records how long a report takes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    rounds = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = many(Path(scratch) / "study", asked.trials)
        for _ in range(asked.rounds):
            rounds.append(
                {
                    name: round(value, 2) if isinstance(value, float) else value
                    for name, value in measured(folder).items()
                }
            )
            print(json.dumps(rounds[-1]))
    middle = {name: median(one[name] for one in rounds) for name in rounds[0]}
    print("median", json.dumps(middle))
    if asked.trials == 1000:
        document = {"targets": TARGETS, **asked.__dict__, "median": middle, "each": rounds}
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(
            json.dumps({**document, **hardware()}, indent=2) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
