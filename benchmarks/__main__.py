"""Every benchmark, or those that are named: ``python -m benchmarks [NAME…]``.

Each prints its figures and writes them under ``benchmarks/results/``.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

BENCHMARKS = {
    "epoch": "images per core-second beside cifar10-fast's epoch and the tutorials' loop",
    "images": "resnet18 on a folder of 64×64 images beside the usual loop",
    "compiled": "the compiled convolutions beside torch's, layer by layer",
    "families": "a training epoch of every family, compiled and by torch alone",
    "layers": "decomposed convolutions beside the dense one and tensorly-torch's",
    "ledger": "writing and reading the record of a study",
    "reading": "reading a study from its ledger, from its tables, and by Ray's own readers",
    "report": "writing the report of 1,000 trials",
    "efficiency": "training seconds over wall time and slots; start-up; cost of a trial",
    "start_up": "from the command to the first trial, and whose processor time that is",
    "load": "the driver alone, fed with 1,000 slots' results and 10,000 queued trials",
    "growth": "the driver's time and memory as trials grow to 10,000",
}


def main(names: Sequence[str]) -> int:
    """Runs one after the other, since two at once would slow each other; 1 if any failed."""
    if unknown := [name for name in names if name not in BENCHMARKS]:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    failed = []
    for name in names or BENCHMARKS:
        print(f"── {name}: {BENCHMARKS[name]}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
