"""How long the 2018 study's 189 runs take on one card: its first part, and the whole projected."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.gpu.concurrency.trial_queue import TrialQueue
from benchmarks.gpu.machine import is_installed
from benchmarks.gpu.setting import SMALL, Setting
from benchmarks.gpu.stage import Cell, Stage, Summary
from benchmarks.gpu.stage_file import read_cells
from search_spaces.registry import SPACES
from trainables.config.train_config import TrainConfig
from trainables.training.trainer import Trainer

SWEEPS = {"low_rank": 60, "tensor_train": 57, "tucker": 72}
"""Sweeps A, B and C, and their runs; points that build the same network train once."""
AIM_MINUTES = 35.0  # on one H200
GPU_HOURS_2018 = 63.0
SAMPLES = 3  # networks of each sweep whose epoch is timed
SHARING_KEY = "low_rank 10%, without MPS"
ROOT = Path(__file__).resolve().parents[3]
RAY_SECONDS = 240.0


def plans(setting: Setting) -> dict[str, tuple[TrainConfig, ...]]:
    """Each sweep's trials in the order of its plan."""
    from tune_app.command.options import RunOptions
    from tune_app.planning.plan import make_plan

    found = {}
    for name in SWEEPS:
        small = {key: (value,) for key, value in SMALL.items() if key != "dataset"}
        settings = setting.pick({"precision": ("bf16",)}, {**small, "epochs": (1,)})
        options = RunOptions(
            space=name,
            settings=settings,
            dataset=setting.config().dataset,
            seeds=1,
            gpus_per_trial=0,  # the plan then asks for no card, which takes a library
            fresh=True,
        )
        found[name] = tuple(trial.config for trial in make_plan(options, SPACES[name]).trials)
    return found


def cells(setting: Setting) -> Iterator[Cell]:
    """A few epochs of every sweep, for the projection; then trials, as many as fit."""
    planned = plans(setting)
    for name, configs in planned.items():
        yield Cell(f"sample {name}", 60, partial(sample, setting, configs))
    if is_installed("ray"):
        yield Cell("with Ray", setting.pick(RAY_SECONDS + 60, 60), partial(with_ray, setting))
        return
    together = read_cells(setting.out / "sharing.json").get(SHARING_KEY, {}).get("chosen", 1)
    ordered = [(name, config) for name, configs in planned.items() for config in configs]
    ordered = ordered[: setting.pick(None, 3)]
    with TrialQueue(setting, [config for _, config in ordered], together=together) as queue:
        for number, (name, config) in enumerate(ordered):
            # nothing to wait for is left to the queue, which itself stops in time
            yield Cell(f"trial {number:03d} {name}", 0, partial(trial, queue, config, together))


def sample(setting: Setting, configs: tuple[TrainConfig, ...]) -> dict[str, Any]:
    """Seconds of an epoch, training and evaluation, of networks spread over a sweep, alone."""
    seconds = {}
    for part in range(SAMPLES):
        config = configs[(2 * part + 1) * len(configs) // (2 * SAMPLES)].with_values(epochs=10**6)
        trainer = Trainer(config, setting.data, device=setting.device)
        trainer.train_epoch()
        timed = [trainer.train_epoch() for _ in range(2)]
        seconds[trainer.trial_id] = mean(
            metrics.train_seconds + metrics.eval_seconds for metrics in timed if metrics
        )
    return {
        "trials": len(configs),
        "epochs": configs[0].epochs,
        "epoch_seconds": seconds,
        "alone_seconds": len(configs) * configs[0].epochs * mean(seconds.values()),
    }


def trial(queue: TrialQueue, config: TrainConfig, together: int) -> dict[str, Any]:
    """One trial of the plan, from its first epoch to its last, beside others."""
    return {**queue.result(config), "together": together, "config": config.changed()}


def with_ray(setting: Setting) -> dict[str, Any]:
    """The command that a user types, stopped by its own time budget; what its ledger holds then."""
    from analysis.record.record import read_record
    from analysis.record.rows import Ended

    results = setting.out / "study_with_ray"
    options = ["--space", "low_rank", "--results-dir", str(results), "--name", "first_part"]
    options += ["--seeds", "1", "--estimating-seeds", "0"]  # the runs of 2018, and none on top
    if setting.rehearse:
        small = [f"{key}={value}" for key, value in {**SMALL, "epochs": 1}.items()]
        options += ["--dataset", "digits", "--set", "rank_divisor=2,4"]
        for assignment in small:
            if not assignment.startswith("dataset"):
                options += ["--set", assignment]
    else:
        options += ["--gpus-per-trial", "auto", "--time-budget", f"{RAY_SECONDS:.0f}"]
        options += ["--data-dir", str(setting.data_dir)] if setting.data_dir else []
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "run_tune.py", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=RAY_SECONDS + 60,
    )
    seconds = time.perf_counter() - start
    rows = read_record(results / "first_part").rows
    ended = [row.status.value for row in rows if isinstance(row, Ended)]
    return {
        "options": options,
        "exit_status": done.returncode,
        "wall_seconds": seconds,
        "finished": ended.count("finished"),
        "ended": {status: ended.count(status) for status in sorted(set(ended))},
        "last_lines": done.stdout.splitlines()[-12:],
    }


def summarise(found: Mapping[str, Any]) -> Summary:
    """A row a sweep, and the whole by what sharing the card has brought."""
    samples = {key.split()[1]: cell for key, cell in found.items() if key.startswith("sample")}
    trials = {key: cell for key, cell in found.items() if key.startswith("trial")}
    rows = []
    for name, cell in samples.items():
        done = [one for key, one in trials.items() if key.endswith(name)]
        rows.append(
            [
                name,
                str(SWEEPS[name]),
                str(cell["trials"]),
                str(len(done)),
                f"{cell['alone_seconds'] / cell['trials']:.1f}",
                f"{mean(one['seconds'] for one in done):.1f}" if done else "",
                f"{cell['alone_seconds'] / 60:.1f}",
            ]
        )
    figures = projection(samples, list(trials.values()))
    if ray := found.get("with Ray"):
        seconds = f"{ray['wall_seconds']:.0f} s"
        rows.append(["low_rank, with Ray", "", "", str(ray["finished"]), "", seconds, ""])
        figures["with_ray"] = {name: ray[name] for name in ("finished", "wall_seconds")}
    headers = (
        "sweep",
        "runs",
        "trials",
        "done",
        "s alone",
        "s beside others",
        "minutes one by one",
    )
    misses = []
    if ray and ray["exit_status"]:
        misses.append(f"run_tune.py ended with status {ray['exit_status']}: {ray['last_lines']}")
    if "projected_minutes" in figures:
        total = figures["projected_minutes"]
        rows.append(["all, sharing", "189", "", str(len(trials)), "", "", f"{total:.1f}"])
        if total > AIM_MINUTES:
            misses.append(
                f"{total:.0f} minutes projected, aim {AIM_MINUTES:.0f} "
                f"({GPU_HOURS_2018:.0f} GPU-hours in 2018)"
            )
    return Summary(headers, rows, figures, misses)


def projection(
    samples: Mapping[str, Mapping[str, Any]], trials: list[Mapping[str, Any]]
) -> dict[str, Any]:
    """Minutes of the whole study.

    One after the other from the sampled epochs, divided by what running several at once was
    measured to bring: trials of the first sweep alone, over their share of the time beside others.
    """
    if set(samples) != set(SWEEPS):
        return {}
    alone = sum(cell["alone_seconds"] for cell in samples.values())
    figures: dict[str, Any] = {"minutes_one_by_one": alone / 60}
    if trials:
        first = samples["low_rank"]
        beside = mean(one["seconds"] / one["together"] for one in trials)
        figures["sharing_gain"] = first["alone_seconds"] / first["trials"] / beside
        figures["projected_minutes"] = alone / figures["sharing_gain"] / 60
    else:
        figures["projected_minutes"] = alone / 60
    return figures


STAGE = Stage("study", "how long do the 189 runs of 2018 take?", cells, summarise)
