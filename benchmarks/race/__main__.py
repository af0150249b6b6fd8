"""A whole study as a user sees it, from command to table, beside what one would write instead.

    python -m benchmarks.race --data-dir DIR          # an hour or two on two cores
    python -m benchmarks.race --small                 # a rehearsal on digits: minutes

Eight learning rates of ResNet-9 (width 8, batch 128, 10,240 images of CIFAR-10, 5,000 held out and
evaluated after every epoch): ``run_tune.py``, the usual Ray Tune script and the usual Optuna
script, which train in fp32 and in bf16. They take turns, seed by seed. Then each runs once more,
every process of it is killed with SIGKILL in the middle, and the same command is given again.
Results are written after every run: what is there already is not run again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.hardware import hardware
from benchmarks.race.contestants import CONTESTANTS, Contestant
from benchmarks.race.process_tree import run
from benchmarks.race.task import Task

RESULTS = Path(__file__).resolve().parents[1] / "results" / "race.json"
RATES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7)


def measure(contestant: Contestant, task: Task, seed: int, folder: Path) -> dict[str, Any]:
    """An undisturbed run."""
    began = time.time()
    cost = run(contestant.prepare(task, seed, folder), folder)
    return {
        "load_average": round(os.getloadavg()[0], 1),
        **dataclasses.asdict(cost),
        **outcome(contestant, task, folder),
        "phases": contestant.phases(folder, began, time.time()),
    }


def measure_killed(contestant: Contestant, task: Task, seed: int, folder: Path) -> dict[str, Any]:
    """A run that is killed in the middle, and its continuation.

    Half of the epochs and a trial's more: with two slots, equal trials are then half trained.
    Where they are not, the next epoch of an unfinished trial is awaited.
    """
    command = contestant.prepare(task, seed, folder)

    def half_trained() -> bool:
        trained = Counter(epoch.trial for epoch in contestant.trained(folder))
        enough = trained.total() >= task.all_epochs // 2 + task.epochs
        return enough and any(epochs < task.epochs for epochs in trained.values())

    first = run(command, folder, kill_when=half_trained)
    if not first.killed:
        raise RuntimeError("the run ended before it could be killed")
    at_kill = len(contestant.trained(folder))
    second = run(command, folder)
    return {
        "load_average": round(os.getloadavg()[0], 1),
        "seconds_to_the_kill": first.wall_seconds,
        "epochs_at_the_kill": at_kill,
        "seconds_to_finish": second.wall_seconds,
        **outcome(contestant, task, folder),
    }


def outcome(contestant: Contestant, task: Task, folder: Path) -> dict[str, Any]:
    """The best accuracy after the last epoch, and epochs that were trained more than once.

    Raises:
        RuntimeError: where a trial is unfinished.
    """
    trained = contestant.trained(folder)
    finished = [epoch for epoch in trained if epoch.epoch == task.epochs]
    trials = {epoch.trial for epoch in finished}
    if len(trials) != len(task.rates):
        raise RuntimeError(f"{len(trials)} trials finished in {folder}")
    times = Counter((epoch.trial, epoch.epoch) for epoch in trained)
    return {
        "best_accuracy": max(epoch.accuracy for epoch in finished),
        "epochs_trained_twice": sum(count - 1 for count in times.values()),
    }


def summarise(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Medians by contestant; ratios to ``ranktune`` within each seed."""
    calm = {(run["contestant"], run["seed"]): run["calm"] for run in runs if "calm" in run}
    return {name: _summary(name, runs, calm) for name in CONTESTANTS}


def _summary(
    name: str, runs: Sequence[dict[str, Any]], calm: dict[tuple[str, int], dict[str, Any]]
) -> dict[str, Any]:
    """Of one contestant; ``calm`` are the undisturbed runs by contestant and seed."""
    own = {seed: figures for (contestant, seed), figures in calm.items() if contestant == name}
    killed = [run["killed"] for run in runs if run["contestant"] == name and "killed" in run]
    ratios = sorted(
        figures["wall_seconds"] / calm["ranktune", seed]["wall_seconds"]
        for seed, figures in own.items()
        if ("ranktune", seed) in calm
    )
    in_calm = ("wall_seconds", "core_seconds", "peak_memory_mib", "best_accuracy") if own else ()
    in_killed = ("seconds_to_finish", "epochs_trained_twice") if killed else ()
    return {
        "runs": len(own),
        **{key: median(figures[key] for figures in own.values()) for key in in_calm},
        "times_ranktunes_wall": [round(ratio, 2) for ratio in ratios],
        **{key: median(figures[key] for figures in killed) for key in in_killed},
    }


def table(summary: dict[str, dict[str, Any]]) -> str:
    """A line a contestant."""
    heads = ("wall s", "core s", "MiB", "best", "× wall", "after kill s", "twice")
    lines = [f"{'':12}" + "".join(f"{head:>14}" for head in heads)]
    for name, figures in summary.items():
        ratios = figures["times_ranktunes_wall"]
        cells = (
            *(figures.get(key, "") for key in ("wall_seconds", "core_seconds", "peak_memory_mib")),
            figures.get("best_accuracy", ""),
            f"{median(ratios):.2f}" if ratios else "",
            *(figures.get(key, "") for key in ("seconds_to_finish", "epochs_trained_twice")),
        )
        texts = [cell if isinstance(cell, str) else f"{cell:.4g}" for cell in cells]
        lines.append(f"{name:12}" + "".join(f"{text:>14}" for text in texts))
    return "\n".join(lines)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser("python -m benchmarks.race", description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="holds cifar-10-batches-py")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--kill-seeds", type=int, default=1, help="seeds that are also killed")
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=[*CONTESTANTS])
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--fresh", action="store_true", help="do not go on with what is in --out")
    parser.add_argument("--small", action="store_true", help="digits, four rates, eight epochs")
    given = parser.parse_args(arguments)
    if not (given.small or given.data_dir):
        parser.error("--data-dir is needed: the folder that holds cifar-10-batches-py")
    return given


def make_task(given: argparse.Namespace) -> Task:
    """The issue's study, or a small one."""
    if given.small:
        return Task("digits", None, 1024, 143, 8, 128, 8, (0.05, 0.1, 0.2, 0.3))
    data = str(given.data_dir.resolve())
    return Task("cifar10", data, 10_240, 5_000, 8, 128, given.epochs, RATES)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what is missing, writes after each run, prints the table last."""
    given = parse(arguments)
    task = make_task(given)
    asked = {"task": dataclasses.asdict(task) | {"data_dir": None}}
    runs: list[dict[str, Any]] = []
    if given.out.exists() and not given.fresh:
        before = json.loads(given.out.read_text())
        if before["task"] == json.loads(json.dumps(asked["task"])):
            runs = before["runs"]
    stages = {"calm": (measure, given.seeds), "killed": (measure_killed, given.kill_seeds)}
    for stage, (function, seeds) in stages.items():
        for seed in range(seeds):
            for name in given.contestants:
                if any((r["contestant"], r["seed"]) == (name, seed) and stage in r for r in runs):
                    continue
                print(f"{stage}, seed {seed}: {name}", flush=True)
                with tempfile.TemporaryDirectory(prefix="race-") as folder:
                    figures = function(CONTESTANTS[name], task, seed, Path(folder))
                runs.append({"contestant": name, "seed": seed, stage: figures})
                write(given.out, {"hardware": hardware(), **asked, "runs": runs})
    write(given.out, {"hardware": hardware(), **asked, "summary": summarise(runs), "runs": runs})
    print(table(summarise(runs)))


def write(path: Path, figures: dict[str, Any]) -> None:
    """As JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
