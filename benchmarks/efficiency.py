"""How much of the slots' time is training: 32 trials of 8 real epochs at two slots on two cores.

``python -m benchmarks.efficiency``, with ``--width 8`` on a CPU without bf16: training seconds ÷
(wall × slots), start-up excluded; seconds from the command to the first epoch; what a trial costs
beyond its training.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from analysis.record.record import read_record
from analysis.record.rows import Ended, Epoch, Started
from benchmarks.hardware import hardware

SLOTS = 2
SPACE = """
[space]
name = "efficiency"
question = "How much of the time is training?"
source = "benchmarks/efficiency.py"

[fixed]
dataset = "digits"
layer = "dense"
width = {width}
epochs = 8
batch_size = 64

[keys.learning_rate]
type = "choice"
values = [{rates}]
"""


def measure(study: Path, began: float) -> dict:
    """Figures from the record alone."""
    rows = read_record(study).rows
    epochs = [row for row in rows if isinstance(row, Epoch)]
    starts = {row.trial_id: row.time for row in rows if isinstance(row, Started)}
    ends = {row.trial_id: row.time for row in rows if isinstance(row, Ended)}
    training: dict[str, float] = {}
    for row in epochs:
        training[row.trial_id] = (
            training.get(row.trial_id, 0.0) + row.train_seconds + row.eval_seconds
        )
    first = min(starts.values())
    wall = max(ends.values()) - first
    # the first of each slot pays for its start
    after = sorted(starts, key=starts.__getitem__)[SLOTS:]
    extra = [ends[name] - starts[name] - training[name] for name in after]
    return {
        "trials": len(ends),
        "epoch_seconds_median": statistics.median(row.train_seconds for row in epochs),
        "start_up_to_first_trial_seconds": first - began,
        "start_up_to_first_epoch_seconds": min(row.time for row in epochs)
        - began
        - epochs[0].train_seconds
        - epochs[0].eval_seconds,
        "wall_seconds": wall,
        "training_seconds": sum(training.values()),
        "efficiency": sum(training.values()) / (SLOTS * wall),
        "seconds_beyond_training_median": statistics.median(extra),
        "gap_between_trials_included": True,
    }


def main() -> None:
    """Prints and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--width", type=int, default=16, help="chosen for one-second epochs")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/efficiency.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="efficiency-") as folder:
        space = Path(folder) / "efficiency.toml"
        rates = ", ".join(f"{0.05 + number / 100:.3f}" for number in range(given.trials))
        space.write_text(SPACE.format(width=given.width, rates=rates))
        command = [sys.executable, "run_tune.py", "--space", str(space), "--results-dir", folder]
        command += ["--max-concurrent", str(SLOTS)]  # whatever the number of cores
        command += ["--estimating-seeds", "0"]  # a second stage waits for the end of the first
        began = time.time()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        figures = {
            "command": f"python -m benchmarks.efficiency --width {given.width}",
            "hardware": hardware(),
            **measure(Path(folder) / "efficiency", began),
            "command_seconds": time.time() - began,
        }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
