"""The usual Optuna script: ``study.optimize`` in a process a core, over one SQLite file.

    python -m benchmarks.race.optuna_script FOLDER SEED fp32|bf16

The same command again gives up the trials that were interrupted and tries their rates once more.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import sys
from pathlib import Path

import optuna
from optuna.trial import TrialState

from benchmarks.race.task import read_task
from benchmarks.race.usual_training import UsualTraining, note_epoch


def optimize(folder: Path, seed: int, precision: str) -> None:
    """A process: trains rates until none is waiting.

    Processes take turns to ask. SQLite lacks SELECT FOR UPDATE, so two that asked at once would
    both train the same waiting trial, and the second could not tell its result (Optuna's FAQ).
    """
    import torch

    torch.set_num_threads(1)
    task = read_task(folder / "task.json")

    def objective(trial: optuna.Trial) -> float:
        fcntl.flock(turn, fcntl.LOCK_UN)  # the trial is this process's alone
        rate = trial.suggest_float("rate", 1e-3, 10.0, log=True)
        training = UsualTraining(task, rate, seed, precision)
        accuracy = 0.0
        for accuracy in training.epochs():
            trial.report(accuracy, training.epochs_done)
            note_epoch(folder / "epochs.jsonl", rate, training.epochs_done, accuracy)
        return accuracy

    study = open_study(folder)
    with (folder / "turn").open("a") as turn:  # a process that ends or dies gives up its turn
        while True:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if not study.get_trials(deepcopy=False, states=[TrialState.WAITING]):
                return
            study.optimize(objective, n_trials=1)


def open_study(folder: Path) -> optuna.Study:
    """Makes it, or loads it where it exists; waits while another process writes."""
    storage = optuna.storages.RDBStorage(
        f"sqlite:///{folder / 'optuna.db'}", engine_kwargs={"connect_args": {"timeout": 100}}
    )
    return optuna.create_study(
        storage=storage, study_name="race", direction="maximize", load_if_exists=True
    )


def main() -> None:
    """Starts or continues the search."""
    folder, seed, precision = Path(sys.argv[1]).resolve(), int(sys.argv[2]), sys.argv[3]
    study = open_study(folder)
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params or trial.system_attrs["fixed_params"])
    if not study.trials:
        for rate in read_task(folder / "task.json").rates:
            study.enqueue_trial({"rate": rate})
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=optimize, args=(folder, seed, precision))
        for _ in range(os.cpu_count() or 1)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        sys.exit("a process failed")
    print(study.best_params)


if __name__ == "__main__":
    main()
