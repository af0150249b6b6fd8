"""Seconds to write the report of 1,000 trials: page, Markdown and all pictures.

    python -m benchmarks.report                # measures and writes results/report.json
    python -m benchmarks.report --trials 100   # a quick look

Wall and CPU seconds, those of the process that draws the pictures apart; first with an empty cache
(the page's JavaScript is joined once a machine), then again. The machine may be busy.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from analysis.report import write_report
from analysis.study import load_study
from benchmarks.hardware import hardware
from tests.analysis.studies import many

RESULTS = Path(__file__).parent / "results" / "report.json"
TARGETS = {"seconds": 10.0, "page_bytes": 10_000_000}  # at 1,000 trials


def measured(folder: Path) -> dict[str, Any]:
    """One report, from reading the study to the last picture."""
    before, start = _cpu(), time.perf_counter()
    page = write_report(load_study(folder))
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_CACHE_HOME"] = str(Path(scratch) / "cache")
        folder = many(Path(scratch) / "study", trials)
        figures = {"trials": trials, "first": measured(folder), "again": measured(folder)}
    for name in ("first", "again"):
        figures[name] = {
            key: round(value, 2) if isinstance(value, float) else value
            for key, value in figures[name].items()
        }
        print(f"{name:6}", json.dumps(figures[name]))
    if trials == 1000:
        document = {"targets": TARGETS, **figures, **hardware()}
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
