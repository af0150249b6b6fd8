"""The usual Ray Tune script: a function trainable, a checkpoint an epoch, one CPU a trial.

    python -m benchmarks.race.ray_script FOLDER SEED fp32|bf16

The same command again restores what was interrupted.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import ray
from ray import tune

from benchmarks.race.task import Task, read_task
from benchmarks.race.usual_training import UsualTraining, note_epoch


def train(config: dict, task: Task, seed: int, precision: str, log: Path) -> None:
    """One trial."""
    training = UsualTraining(task, config["rate"], seed, precision)
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            training.load(Path(folder) / "state.pt")
    for accuracy in training.epochs():
        note_epoch(log, config["rate"], training.epochs_done, accuracy)
        with tempfile.TemporaryDirectory() as folder:
            training.save(Path(folder) / "state.pt")
            saved = tune.Checkpoint.from_directory(folder)
            tune.report({"accuracy": accuracy, "epoch": training.epochs_done}, checkpoint=saved)


def main() -> None:
    """Starts or restores the search."""
    folder, seed, precision = Path(sys.argv[1]).resolve(), int(sys.argv[2]), sys.argv[3]
    task = read_task(folder / "task.json")
    project = str(Path(__file__).resolve().parents[2])
    ray.init(runtime_env={"env_vars": {"PYTHONPATH": project}}, include_dashboard=False)
    bound = tune.with_parameters(
        train, task=task, seed=seed, precision=precision, log=folder / "epochs.jsonl"
    )
    trainable = tune.with_resources(bound, {"cpu": 1})
    if (folder / "ray").exists():
        tuner = tune.Tuner.restore(str(folder / "ray"), trainable, resume_errored=True)
    else:
        tuner = tune.Tuner(
            trainable,
            param_space={"rate": tune.grid_search(list(task.rates))},
            tune_config=tune.TuneConfig(metric="accuracy", mode="max"),
            run_config=tune.RunConfig(name="ray", storage_path=str(folder)),
        )
    print(tuner.fit().get_best_result().config)


if __name__ == "__main__":
    main()
