"""A driver on a cluster: ``python -m tests.cluster.scripted_driver FOLDER ADDRESS TRIALS SECONDS``.

Its trials are scripted, ``SECONDS`` an epoch; checkpoints go to ``FOLDER/storage``.
"""

import sys
from pathlib import Path

from tests.tune_app.ray_engine import PRELOAD, SCRIPTED
from tests.tune_app.workload import plan_of, some_trials
from tune_app.command.options import RunOptions
from tune_app.command.output import log_lines
from tune_app.engine.workload import Workload
from tune_app.study.run_study import RunnerConfig, run_study


def main(folder: str, address: str, trials: str, seconds: str) -> int:
    options = RunOptions(
        space="scripted",
        results_dir=Path(folder) / "results",
        storage=f"{folder}/storage",
        address=address,
        command="again",
        cpus_per_trial=1,
    )
    workload = Workload(SCRIPTED, {"script": {"seconds": float(seconds)}})
    config = RunnerConfig(workload, PRELOAD, report=False)
    with log_lines(None):
        return run_study(plan_of(some_trials(int(trials))), options, config).exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
