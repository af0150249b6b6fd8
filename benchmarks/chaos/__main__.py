"""Kills a search a hundred times, then holds its record against an undisturbed search's.

``python -m benchmarks.chaos --kills 100`` trains small networks on the embedded digits.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.chaos.chaos import Chaos
from benchmarks.chaos.inspection import report

SPACE = """
[space]
name = "chaos"
question = "Does the record survive?"
source = "benchmarks/chaos/__main__.py"

[fixed]
dataset = "digits"
layer = "low_rank"
width = 4
epochs = 12
batch_size = 64
precision = "fp32"

[keys.rank_scale]
type = "choice"
values = [0.25, 0.5, 1.0]

[keys.learning_rate]
type = "choice"
values = [RATES]
"""


def main() -> int:
    """Runs the chaos and an undisturbed search, compares, writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--rates", type=int, default=20, help="learning rates; trials are 3 times")
    parser.add_argument("--minutes", type=float, default=600.0, help="of killing, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/chaos.json"))
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it")
    given = parser.parse_args()
    scratch = given.keep or Path(tempfile.mkdtemp(prefix="chaos-"))
    scratch.mkdir(parents=True, exist_ok=True)
    space = scratch / "chaos.toml"
    rates = ", ".join(f"{0.02 * 1.1**number:.5f}" for number in range(given.rates))
    space.write_text(SPACE.replace("RATES", rates))
    command = [sys.executable, "run_tune.py", "--space", str(space), "--results-dir"]
    calm = [*command, str(scratch / "calm")]
    chaos = Chaos(
        [*command, str(scratch / "chaos")],
        scratch / "chaos" / "chaos",
        random.Random(given.seed),
        given.kills,
        seconds=60 * given.minutes,
    )
    (scratch / "chaos").mkdir(exist_ok=True)
    began = time.monotonic()
    chaos.run()
    wall = time.monotonic() - began
    began = time.monotonic()
    subprocess.run(calm, check=True, stdout=subprocess.DEVNULL)
    calm_wall = time.monotonic() - began
    calm_study = scratch / "calm" / "chaos"
    figures = report(chaos.study, chaos.kills, chaos.ends, calm_study, wall, calm_wall)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    return 0 if figures["all_is_well"] else 1


if __name__ == "__main__":
    sys.exit(main())
