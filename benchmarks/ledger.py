"""What the ledger costs: appending a result, and reading 10,000 trials of 24 epochs back.

``python -m benchmarks.ledger``
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from analysis.record.record import read_record
from analysis.record.rows import Ended, Epoch, Planned, Started
from analysis.record.status import TrialStatus
from benchmarks.hardware import hardware
from tune_app.record.history import History
from tune_app.record.ledger import Ledger

RATES = {"factors": 0.4123, "weights": 0.4123, "batchnorm": 0.4123}


def epoch(trial: str, number: int) -> Epoch:
    """A row as long as a real one."""
    return Epoch(
        trial_id=trial,
        attempt=1,
        time=1_795_308_619.1224463,
        epoch=number,
        train_loss=0.6520123456789,
        train_accuracy=0.7552123456789,
        val_loss=0.7120123456789,
        val_accuracy=0.7352123456789,
        learning_rates=RATES,
        weight_decays=dict.fromkeys(RATES, 0.0005),
        train_seconds=6.0012345678,
        eval_seconds=0.2012345678,
        images_per_second=2131.0123456789,
    )


def planned(trial: str) -> Planned:
    """As long as a real one."""
    from trainables.config.train_config import TrainConfig

    config = TrainConfig().to_dict()
    routes = ("factorized",) * 7
    return Planned(trial, config, 123456, 1234567.0, 0.1234567, 112233, routes, 1.0, "grid")


def append_cost(folder: Path, trials: int, epochs: int) -> dict:
    """Milliseconds per result, one row at a time as the driver writes them."""
    costs = []
    began = time.perf_counter()
    with Ledger(folder) as ledger:
        for number in range(trials):
            name = f"tensor_train-d3-123k-seed0-{number:010x}"
            ledger.append(planned(name), Started(name, 1, 1.0))
            for one in range(1, epochs + 1):
                row = epoch(name, one)
                start = time.perf_counter()
                ledger.append(row)
                costs.append((time.perf_counter() - start) * 1e3)
            ledger.append(Ended(name, 1, 1.0, TrialStatus.FINISHED, epochs))
        size = ledger.path.stat().st_size
    costs.sort()
    return {
        "rows": trials * (epochs + 3),
        "append_ms_mean": statistics.fmean(costs),
        "append_ms_median": statistics.median(costs),
        "append_ms_p99": costs[int(0.99 * len(costs))],
        "seconds_all": time.perf_counter() - began,
        "bytes_per_trial": size / trials,
    }


def load_cost(folder: Path) -> dict:
    """Processor seconds to read every row as a search does, and to know how every trial stands.

    The best of three.

    Not wall time: the machine that this first ran on was shared by a dozen processes.
    """
    reading, folding = [], []
    for _ in range(3):
        start = time.process_time()
        record = read_record(folder, rates=False)
        reading.append(time.process_time() - start)
        start = time.process_time()
        history = History(record.rows)
        folding.append(time.process_time() - start)
        assert all(trial.known for trial in history.trials.values())
        del record, history
    return {"load_cpu_seconds": min(reading), "history_cpu_seconds": min(folding)}


def main() -> None:
    """Prints and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/ledger.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        study = Path(folder)
        figures = {
            "hardware": hardware(),
            "trials": given.trials,
            "epochs": given.epochs,
            **append_cost(study, given.trials, given.epochs),
            **load_cost(study),
        }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
