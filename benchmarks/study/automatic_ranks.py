"""The rival whose ranks are not searched: dense first, then ranks from what it learnt.

    python -m benchmarks.study automatic_ranks --data-dir DIR

After Cuttlefish (Wang et al. 2023, arXiv 2305.02538): a dense network trains for a few epochs, each
of its layers is decomposed, and the low-rank network trains for the rest. Its dense epochs count,
so that it sees as many images as every network of the space whose protocol it follows
(``d_families`` and ``d_one_percent`` in docs/results/study/spaces): the learning rate after the
decomposition is chosen on seeds 0 and 1, and seeds 1000 to 1004 estimate what was chosen. Two
things differ from the paper. The ranks keep one share of every kernel's squared norm, as large as
the budget allows, where Cuttlefish scales stable ranks. The dense epochs end with a rate of
0, since they are a training of their own here, where Cuttlefish goes on along one schedule.

Every network is trained by ``python -m trainables`` and kept in ``--results-dir``: the same command
again goes on where it stopped. Those in docs/results/study/records/automatic_ranks are not trained
again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd

from analysis.statistics.intervals import t_half_width
from benchmarks.hardware import hardware
from benchmarks.study.records import PUBLISHED, ROOT

RECORDS = PUBLISHED / "records" / "automatic_ranks"
"""A table with a row for each network and epoch, and the figures, by the name of the space."""


@dataclass(frozen=True)
class Protocol:
    """How the rival trains and is judged; the defaults are those of ``d_families``."""

    budgets: tuple[float, ...] = (0.1, 0.03)
    """Shares of the dense network's parameters."""
    epochs: int = 16
    dense_epochs: int = 4
    """Of ``epochs``."""
    learning_rates: tuple[float, ...] = (0.1, 0.2, 0.4)
    """After the decomposition; before it, the default of the configuration."""
    choosing_seeds: tuple[int, ...] = (0, 1)
    estimating_seeds: tuple[int, ...] = tuple(range(1000, 1005))
    settings: Mapping[str, Any] = field(
        default_factory=lambda: {
            "width": 16,
            "batch_size": 128,
            "weight_decay": 5e-4,
            "train_images": 5_000,
            "validation_images": 5_000,
        }
    )


PROTOCOLS = {
    "d_families": Protocol(),
    "d_one_percent": Protocol(
        budgets=(0.0103,),
        epochs=8,
        dense_epochs=2,
        learning_rates=(0.2, 0.4, 0.8),
        estimating_seeds=(1000, 1001, 1002, 1003, 1005),  # 1004's ranks miss the budget
        settings={**Protocol().settings, "width": 40, "precision": "bf16"},
    ),
}
"""By the name of the space whose networks the rival is compared with."""


class Rival:
    """The networks of the rival in one folder; each is trained once, those on record never.

    Args:
        recorded: rows as ``epochs`` gives them, of networks trained by this protocol.
    """

    def __init__(
        self,
        protocol: Protocol,
        folder: Path,
        data_dir: Path | None,
        recorded: pd.DataFrame | None = None,
    ):
        self.protocol = protocol
        self._starting = Lock()
        self._last = {} if recorded is None else recorded.groupby("network").last().to_dict("index")
        self.folder = folder.resolve()
        self.data = ["--data-dir", str(data_dir.resolve())] if data_dir else []

    def accuracy(self, budget: float, rate: float, seed: int) -> float:
        """Validation accuracy, in [0, 1], after the last epoch of the low-rank network."""
        name = f"low-rank-{budget:g}-rate{rate:g}-seed{seed}"
        if name in self._last:
            return float(self._last[name]["val_accuracy"])
        epochs = self.protocol.epochs - self.protocol.dense_epochs
        start = self.start(budget, seed)
        settings = {"init": start, "epochs": epochs, "learning_rate": rate, "seed": seed}
        return self._train(self.folder / name, settings)

    def parameters(self, budget: float, seed: int) -> int:
        """Of the network that the budget gives with the ranks of this seed."""
        for name, row in self._last.items():
            if name.startswith(f"low-rank-{budget:g}-") and row["seed"] == seed:
                return int(row["parameters"])
        return int(_read(self.start(budget, seed) / "state.json")["network"]["parameters"])

    def epochs(self) -> pd.DataFrame:
        """A row for each epoch of each network in the folder; the dense ones have no size there."""
        rows = []
        for state in sorted(self.folder.glob("*/checkpoint/state.json")):
            trained = _read(state)
            config, start = trained["config"], trained["config"]["init"].partition("#")[0]
            size = _read(Path(start) / "state.json")["network"]["parameters"] if start else None
            known = {"network": state.parts[-3], "seed": config["seed"], "parameters": size}
            known["learning_rate"] = config["learning_rate"]
            rows += [{**known, **_numbers(one)} for one in trained["history"]]
        return pd.DataFrame(rows)

    def start(self, budget: float, seed: int) -> Path:
        """The starting point that the dense network gives, made where it is absent."""
        out = self.folder / f"start-{budget:g}-seed{seed}"
        with self._starting:  # networks of several rates begin with one and the same
            if not (out / "state.json").exists():
                dense = self.folder / f"dense-seed{seed}"
                epochs = self.protocol.dense_epochs
                self._train(dense, {"layer": "dense", "epochs": epochs, "seed": seed})
                decompose = ["--layer", "low_rank", "--compression", str(budget), "--ranks=energy"]
                self._trainables("compress", str(dense), *decompose, "--out", str(out))
        return out

    def _train(self, out: Path, settings: Mapping[str, Any]) -> float:
        state = out / "checkpoint" / "state.json"
        if not state.exists() or _read(state)["epochs_done"] < settings["epochs"]:
            given = {**self.protocol.settings, **settings}
            keys = [f"--set={key}={value}" for key, value in given.items()]
            self._trainables("train", *keys, "--out", str(out))
        return float(_read(state)["history"][-1]["val_accuracy"])

    def _trainables(self, command: str, *arguments: str) -> None:
        call = [sys.executable, "-m", "trainables", command, *arguments, *self.data]
        ended = subprocess.run(call, cwd=ROOT, capture_output=True, text=True)
        if ended.returncode:
            raise SystemExit(f"{shlex.join(call)} ended with {ended.returncode}:\n{ended.stderr}")


def _read(state: Path) -> dict:
    return json.loads(state.read_text(encoding="utf-8"))


def _numbers(epoch: Mapping[str, Any]) -> dict[str, Any]:
    """Without the rates and decays of every group, and what an epoch has not."""
    return {key: one for key, one in epoch.items() if isinstance(one, int | float)}


def judge(rival: Rival, budget: float, workers: int) -> dict[str, Any]:
    """Chooses the rate of a budget on its seeds and estimates it on fresh ones."""
    protocol = rival.protocol
    rates, choosing, estimating = (
        protocol.learning_rates,
        protocol.choosing_seeds,
        protocol.estimating_seeds,
    )
    with ThreadPoolExecutor(workers) as pool:  # each waits for a process of its own
        tried = [(rate, seed) for rate in rates for seed in choosing]
        found = list(pool.map(lambda one: rival.accuracy(budget, *one), tried))
        mean = dict(zip(rates, np.reshape(found, (len(rates), -1)).mean(axis=1), strict=True))
        chosen = max(rates, key=mean.__getitem__)
        accuracies = list(pool.map(lambda seed: rival.accuracy(budget, chosen, seed), estimating))
    return {
        "budget": budget,
        "parameters": [rival.parameters(budget, seed) for seed in estimating],
        "choosing": {f"{rate:g}": round(float(one), 4) for rate, one in mean.items()},
        "learning_rate": chosen,
        "accuracies": accuracies,
        "mean": round(float(np.mean(accuracies)), 4),
        "half_width_95": round(float(t_half_width(np.std(accuracies, ddof=1), len(accuracies))), 4),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a line a budget and writes the figures."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.study.automatic_ranks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data-dir", type=Path, help="holds cifar-10-batches-py")
    parser.add_argument("--results-dir", type=Path, default=Path("results/automatic_ranks"))
    parser.add_argument("--workers", type=int, default=2, help="networks trained at once")
    given = parser.parse_args(arguments)
    for space, protocol in PROTOCOLS.items():
        table = RECORDS / f"{space}.parquet"
        recorded = pd.read_parquet(table) if table.exists() else None
        rival = Rival(protocol, given.results_dir / space, given.data_dir, recorded)
        found = [judge(rival, budget, given.workers) for budget in protocol.budgets]
        for one in found:
            print(
                f"{100 * one['budget']:g} %: {100 * one['mean']:.2f} ± "
                f"{100 * one['half_width_95']:.2f} % (n = {len(one['accuracies'])}), "
                f"rate {one['learning_rate']:g}, "
                f"{min(one['parameters']):,} to {max(one['parameters']):,} parameters"
            )
        if (trained := rival.epochs()).empty:
            continue  # all of it was on record
        both = pd.concat([recorded, trained]).drop_duplicates(["network", "epoch"])
        both.to_parquet(table, index=False)
        figures = {
            "protocol": dataclasses.asdict(protocol),
            "budgets": found,
            "machine": hardware(),
        }
        (RECORDS / f"{space}.json").write_text(
            json.dumps(figures, indent=1) + "\n", encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
