"""A driver to be killed: ``python -m tests.tune_app.scripted_driver FOLDER TRIALS SECONDS …``.

A fourth word lets the first trial hear nothing once it trains, as in a long batch; a fifth names a
storage.
"""

import sys
from pathlib import Path

from tests.tune_app.ray_engine import PRELOAD, SCRIPTED
from tests.tune_app.workload import plan_of, some_trials
from tune_app.command.options import RunOptions
from tune_app.command.output import log_lines
from tune_app.engine.runner_config import RunnerConfig
from tune_app.engine.workload import Workload
from tune_app.study.run_study import run_study


def main(folder: str, trials: str, seconds: str, hangs: str = "", storage: str = "") -> int:
    plan = plan_of(some_trials(int(trials)))
    faults = {plan.trials[0].trial_id: {"1": ["hang", 1]}} if hangs else {}
    options = RunOptions(
        space="scripted",
        results_dir=Path(folder),
        command="run_tune.py again",
        cpus_per_trial=1,
        storage=storage or None,
    )
    workload = Workload(SCRIPTED, {"script": {"seconds": float(seconds), "faults": faults}})
    with log_lines(None):
        return run_study(plan, options, RunnerConfig(workload, PRELOAD, report=False)).exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
