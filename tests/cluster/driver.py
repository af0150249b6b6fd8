"""A driver on a cluster: ``python -m tests.cluster.driver --results R --storage S --address A …``.

Its trials are scripted, ``--seconds`` an epoch, or train on digits for ``--epochs``.
"""

import argparse
import sys
from pathlib import Path

from tests.tune_app.ray_engine import PRELOAD, SCRIPTED
from tests.tune_app.workload import plan_of, planned, some_trials, space
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.command.output import log_lines
from tune_app.engine.runner_config import RunnerConfig
from tune_app.engine.workload import Workload
from tune_app.planning.plan import Plan
from tune_app.study.run_study import run_study

DIGITS = {"dataset": "digits", "train_images": 1000, "validation_images": 200, "batch_size": 50}

CHECKPOINT_SECONDS = 5.0
"""Between two checkpoints of a trial that trains; a scripted one saves each epoch."""


def training(trials: int, epochs: int) -> Plan:
    """Real networks on real images: an epoch takes half a second of a core."""
    rates = [round(0.02 * 1.1**number, 4) for number in range(trials)]
    points = [planned(**DIGITS, epochs=epochs, learning_rate=rate) for rate in rates]
    fixed = {"layer": "low_rank", "rank": 4, "width": 8, "dataset": "digits"}
    return plan_of(points, space=space(fixed=fixed))


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--storage", required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--epochs", type=int, help="train on digits so long")
    parser.add_argument("--max-concurrent", type=int, help="trials at once")
    parser.add_argument("--fresh", action="store_true", help="a study of its own")
    asked = parser.parse_args(words)
    options = RunOptions(
        space="scripted",
        results_dir=asked.results,
        storage=asked.storage,
        address=asked.address,
        command="again",
        cpus_per_trial=1,
        max_concurrent=asked.max_concurrent,
        fresh=asked.fresh,
        checkpoint_seconds=CHECKPOINT_SECONDS,
    )
    if asked.epochs:
        plan = training(asked.trials, asked.epochs)
        config = RunnerConfig(report=False)
    else:
        plan = plan_of(some_trials(asked.trials))
        workload = Workload(SCRIPTED, {"script": {"seconds": asked.seconds}})
        config = RunnerConfig(workload, PRELOAD, report=False)
    try:
        with log_lines(None):
            return run_study(plan, options, config).exit_code
    except UsageError as wrong:  # told as the command does
        print(*(f"error: {problem}" for problem in wrong.problems), sep="\n", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
