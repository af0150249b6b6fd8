"""Seconds to read a study: from its ledger, from its tables, and by Ray's own readers.

    python -m benchmarks.reading                # measures and writes results/reading.json
    python -m benchmarks.reading --trials 1000 --ray-trials 100     # a quick look

The best of several rounds each, wall and CPU seconds: the machine may be busy. Ray's readers get
the same numbers in the files that Ray would have written: a snapshot, and a result.json a trial.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analysis.record.tables import read_tables
from analysis.study.replicates import pareto_front, replicates
from analysis.study.status import study_status
from analysis.study.study import Study, load_study, write_study_tables
from benchmarks.hardware import hardware
from tests.analysis.studies import many

RESULTS = Path(__file__).parent / "results" / "reading.json"
TARGETS = {"tables": 0.5, "ledger": 2.0}  # wall seconds for 10,000 trials × 24 epochs
ROUNDS = 3


def timed(call: Callable[[], Any], rounds: int = ROUNDS) -> dict[str, float]:
    """The fastest round's wall and CPU seconds."""
    wall, cpu = [], []
    for _ in range(rounds):
        gc.collect()
        start, spent = time.perf_counter(), sum(os.times()[:4])
        call()
        wall.append(time.perf_counter() - start)
        cpu.append(sum(os.times()[:4]) - spent)  # with those of helpers
    return {"seconds": min(wall), "cpu_seconds": min(cpu)}


def own_readers(folder: Path, trials: int) -> dict[str, Any]:
    """A study of so many trials: read from the ledger, written as tables, read from those."""
    many(folder, trials)
    load_study(folder)  # imports
    figures = {
        "trials": trials,
        "epoch_rows": len(load_study(folder).epochs),
        "ledger_bytes": (folder / "ledger.jsonl").stat().st_size,
        "ledger": timed(lambda: load_study(folder)),
        "status": timed(lambda: study_status(load_study(folder)), rounds=2),
    }
    study = load_study(folder)
    figures["write_tables"] = timed(lambda: write_study_tables(study), rounds=2)
    assert read_tables(folder) is not None
    figures["tables"] = timed(lambda: load_study(folder))
    figures["replicates"] = timed(lambda: replicates(fresh(study)), rounds=2)
    figures["pareto"] = timed(lambda: pareto_front(study), rounds=2)
    return figures


def fresh(study: Study) -> Study:
    """The same study with nothing worked out yet."""
    return Study(study.folder, study.name, study.info, study.tables)


def ray_readers(study: Study, folder: Path) -> dict[str, Any]:
    """Ray's ExperimentAnalysis and ResultGrid over the same trials and epochs."""
    from ray.train._internal.storage import StorageContext
    from ray.tune import ExperimentAnalysis, PlacementGroupFactory, ResultGrid
    from ray.tune.experiment import Trial
    from ray.tune.utils.serialization import TuneFunctionEncoder

    rows = study.epochs.to_dict("records")
    by_trial: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_trial.setdefault(row["trial_id"], []).append(row)
    trials = []
    for config in study.trials.to_dict("records"):
        name = config["trial_id"]
        storage = StorageContext(str(folder), "study", trial_dir_name=name)
        path = folder / "study" / name
        path.mkdir(parents=True)
        results = [
            {**row, "training_iteration": row["epoch"], "config": {"seed": config["seed"]}}
            for row in by_trial.get(name, [])
        ]
        (path / "result.json").write_text("".join(json.dumps(row) + "\n" for row in results))
        trial = Trial(
            "x",
            trial_id=name,
            config={"seed": config["seed"]},
            storage=storage,
            stub=True,
        )
        trial.placement_group_factory = PlacementGroupFactory([{"CPU": 1}])
        if results:
            trial.run_metadata.last_result = results[-1]
        trials.append(trial)
    state = {"trial_data": [trial.get_json_state() for trial in trials]}
    snapshot = folder / "study" / "experiment_state-2026-01-01_00-00-00.json"
    snapshot.write_text(json.dumps(state, cls=TuneFunctionEncoder))
    place = str(folder / "study")
    grids: list[Any] = []

    def read() -> None:
        grids.append(ExperimentAnalysis(place))

    analysis = timed(read, rounds=2)
    grid = ResultGrid(grids[-1])
    frames = grids[-1].trial_dataframes
    assert sum(map(len, frames.values())) == len(rows)
    return {
        "trials": len(trials),
        "epoch_rows": len(rows),
        "experiment_analysis": analysis,
        "get_dataframe": timed(grid.get_dataframe, rounds=2),
    }


def main() -> None:
    """Prints and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--ray-trials", type=int, default=1_000, help="0 leaves Ray out")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        figures: dict[str, Any] = {"hardware": hardware(), "targets": TARGETS}
        figures["large"] = own_readers(Path(scratch) / "large", given.trials)
        if given.ray_trials:
            figures["small"] = own_readers(Path(scratch) / "small", given.ray_trials)
            study = load_study(Path(scratch) / "small")
            figures["ray"] = ray_readers(study, Path(scratch) / "ray")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
