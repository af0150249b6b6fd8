"""Asks one NVIDIA card what this project can do on it, stage by stage.

    python -m benchmarks.gpu --data-dir DIR               # every stage, one after the other
    python -m benchmarks.gpu check epoch --data-dir DIR   # these two
    python -m benchmarks.gpu --rehearse                   # on the CPU, small, in a minute or two

Each stage ends in under 8 minutes and goes on where it stopped at the next call (exit status 3
says that it is not through). DIR holds cifar-10-batches-py. Results: benchmarks/results/gpu/.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.hosvd import stand_in_for_tntorch
from benchmarks.gpu.machine import about, origin, peaks
from benchmarks.gpu.registry import STAGES
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.stage import Stage, run_stage
from benchmarks.gpu.stage_file import StageFile

RESULTS = Path(__file__).resolve().parents[1] / "results" / "gpu"
REHEARSALS = Path(tempfile.gettempdir()) / "ranktune-gpu-rehearsal"
MINUTES = 7.0  # and a grace: see deadline.py


def parse(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    listed = "\n".join(f"{name}: {stage.question}" for name, stage in STAGES.items())
    parser.add_argument("stages", nargs="*", metavar="STAGE", choices=[*STAGES, []], help=listed)
    parser.add_argument("--data-dir", type=Path, help="folder that holds cifar-10-batches-py")
    parser.add_argument("--rehearse", action="store_true", help="small, on the CPU")
    parser.add_argument("--out", type=Path, help=f"folder of the results (default {RESULTS})")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of a stage, at most")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Runs one stage here, or each of several in a process of its own."""
    given = parse(arguments)
    if not given.rehearse and not torch.cuda.is_available():
        print("no CUDA device here: --rehearse runs every stage small on the CPU", file=sys.stderr)
        return 2
    if len(given.stages) == 1:
        return run_one(STAGES[given.stages[0]], given)
    options = [argument for argument in arguments if argument not in given.stages]
    statuses = [run_apart(name, options) for name in given.stages or STAGES]
    return max(statuses)


def run_apart(name: str, options: list[str]) -> int:
    """A stage in its own process, so that no stage finds what another left on the card."""
    print(f"── {name}", flush=True)
    return subprocess.run([sys.executable, "-m", "benchmarks.gpu", name, *options]).returncode


def run_one(stage: Stage, given: argparse.Namespace) -> int:
    """A stage in this process."""
    deadline = Deadline(given.minutes * 60)
    deadline.enforce()
    if given.rehearse:
        torch.set_num_threads(1)
    tucker = "hosvd.py, tntorch being absent" if stand_in_for_tntorch() else "tntorch"
    device = torch.device("cpu" if given.rehearse else "cuda")
    out = given.out or (REHEARSALS if given.rehearse else RESULTS)
    described = {
        "command": f"python -m benchmarks.gpu {stage.name}" + " --rehearse" * given.rehearse,
        "question": stage.question,
        "tucker_starts_by": tucker,
        "machine": {**about(device), "measured": peaks(device)},
    }
    file = StageFile(out / f"{stage.name}.json", origin(device, given.rehearse), described)
    setting = Setting(device, given.rehearse, out, deadline, given.data_dir)
    return run_stage(stage, setting, file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
