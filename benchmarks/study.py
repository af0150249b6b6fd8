"""The study of docs/results/study, run or continued: ``make study``, ``make study-small``.

    python -m benchmarks.study --data-dir DIR             # everything: some ten hours of two cores
    python -m benchmarks.study --data-dir DIR a_weight_decay
    python -m benchmarks.study --data-dir DIR --small     # a quarter of an hour

The spaces run one after the other, each as ``run_tune.py`` would. What is on record in
``docs/results/study/records`` is put into ``--results-dir`` first, so that nothing on record is
trained again: a ledger without checkpoints loses the epochs of unfinished trials alone. ``--pack``
writes the records from ``--results-dir`` and runs nothing.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.record.record import LEDGER
from analysis.study.study import STUDY

ROOT = Path(__file__).resolve().parents[1]
STUDIES = ROOT / "docs" / "results" / "study"
ORDER = (
    "a_weight_decay",
    "d_families",
    "e_protocols",
    "a_constant",
    "b_tensor_train",
    "c_tucker",
)
"""As docs/results/study/plan.md has it."""

SMALL = ("small_families",)
TABLES = ("trials.parquet", "epochs.parquet")


def restore(name: str, results: Path) -> None:
    """Puts the record of a study where it will be continued, unless a study is there."""
    packed, folder = STUDIES / "records" / name, results / name
    if not packed.is_dir() or (folder / LEDGER).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(packed / STUDY, folder / STUDY)
    with gzip.open(packed / f"{LEDGER}.gz") as source, (folder / LEDGER).open("wb") as target:
        shutil.copyfileobj(source, target)


def pack(name: str, results: Path) -> None:
    """Writes the record of a study: its ledger (compressed), ``study.json`` and tables."""
    folder, packed = results / name, STUDIES / "records" / name
    packed.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / STUDY, packed / STUDY)
    for table in TABLES:
        if (folder / table).exists():
            shutil.copy(folder / table, packed / table)
    content = (folder / LEDGER).read_bytes()  # the time in a gzip header would change every commit
    (packed / f"{LEDGER}.gz").write_bytes(gzip.compress(content, mtime=0))


def search(name: str, data_dir: str | None, results: Path) -> int:
    """Runs or continues one; returns the exit code of ``run_tune.py``."""
    restore(name, results)
    space = (STUDIES / "spaces" / f"{name}.toml").relative_to(ROOT)
    command = [sys.executable, "run_tune.py", "--space", str(space), "--results-dir", str(results)]
    if data_dir:
        command += ["--data-dir", data_dir]
    return subprocess.run(command, cwd=ROOT).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """The first exit code that is not 0 ends it."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.study",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ORDER + SMALL)}")
    parser.add_argument("--data-dir", help="holds cifar-10-batches-py; default: where it is cached")
    parser.add_argument("--results-dir", type=Path, default=Path("results/study"))
    parser.add_argument("--small", action="store_true", help="the order of families, small")
    parser.add_argument("--pack", action="store_true", help="write the records, run nothing")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(ORDER + SMALL):
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(ORDER + SMALL)}")
    for name in given.names or (SMALL if given.small else ORDER):
        if given.pack:
            if (given.results_dir / name / LEDGER).exists():
                pack(name, given.results_dir)
        elif code := search(name, given.data_dir, given.results_dir):
            return code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
