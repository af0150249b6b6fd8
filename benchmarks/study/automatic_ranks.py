"""The rival whose ranks are not searched: dense first, then ranks from what it learnt.

    python -m benchmarks.study automatic_ranks --data-dir DIR

After Cuttlefish (Wang et al. 2023, arXiv 2305.02538): a dense network trains for a few epochs, each
of its layers is decomposed, and the low-rank network trains for the rest. Its dense epochs count,
so that it sees as many images as every network of ``d_families``
(docs/results/study/spaces/d_families.toml), whose protocol it follows: the learning rate after the
decomposition is chosen on seeds 0 and 1, and seeds 1000 to 1004 estimate what was chosen. Two
things differ from the paper. The ranks keep one share of every kernel's squared norm, as large as
the budget allows, where Cuttlefish scales stable ranks. The dense epochs end with a rate of
0, since they are a training of their own here, where Cuttlefish goes on along one schedule.

Every network is trained by ``python -m trainables`` and kept in ``--results-dir``: the same command
again goes on where it stopped.
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
from typing import Any

import numpy as np

from analysis.statistics.intervals import t_half_width
from benchmarks.hardware import hardware
from benchmarks.study.records import PUBLISHED, ROOT

RESULTS = PUBLISHED / "automatic_ranks.json"
BUDGETS = (0.1, 0.03)
"""Shares of the dense network's parameters."""


@dataclass(frozen=True)
class Protocol:
    """How the rival trains and is judged; the defaults are those of ``d_families``."""

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


class Rival:
    """The networks of the rival in one folder; each is trained once."""

    def __init__(self, protocol: Protocol, folder: Path, data_dir: Path | None):
        self.protocol = protocol
        self.folder = folder.resolve()
        self.data = ["--data-dir", str(data_dir.resolve())] if data_dir else []

    def accuracy(self, budget: float, rate: float, seed: int) -> float:
        """Validation accuracy, in [0, 1], after the last epoch of the low-rank network."""
        out = self.folder / f"low-rank-{budget:g}-rate{rate:g}-seed{seed}"
        epochs = self.protocol.epochs - self.protocol.dense_epochs
        start = self.start(budget, seed)
        settings = {"init": start, "epochs": epochs, "learning_rate": rate, "seed": seed}
        return self._train(out, settings)

    def parameters(self, budget: float, seed: int) -> int:
        """Of the network that the budget gives with the ranks of this seed."""
        return int(_read(self.start(budget, seed) / "state.json")["network"]["parameters"])

    def start(self, budget: float, seed: int) -> Path:
        """The starting point that the dense network gives, made where it is absent."""
        out = self.folder / f"start-{budget:g}-seed{seed}"
        if not (out / "state.json").exists():
            dense = self.folder / f"dense-seed{seed}"
            epochs = self.protocol.dense_epochs
            self._train(dense, {"layer": "dense", "epochs": epochs, "seed": seed})
            decompose = ["--layer", "low_rank", "--compression", str(budget), "--ranks", "energy"]
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


def judge(rival: Rival, budget: float, workers: int) -> dict[str, Any]:
    """Chooses the rate of a budget on its seeds and estimates it on fresh ones."""
    protocol = rival.protocol
    rates, choosing, estimating = (
        protocol.learning_rates,
        protocol.choosing_seeds,
        protocol.estimating_seeds,
    )
    with ThreadPoolExecutor(workers) as pool:  # each waits for a process of its own
        list(pool.map(lambda seed: rival.start(budget, seed), choosing + estimating))
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
    rival = Rival(Protocol(), given.results_dir, given.data_dir)
    found = [judge(rival, budget, given.workers) for budget in BUDGETS]
    for one in found:
        print(
            f"{one['budget']:.0%}: {100 * one['mean']:.2f} % ± {100 * one['half_width_95']:.2f} "
            f"(n = {len(one['accuracies'])}), rate {one['learning_rate']:g}, "
            f"{min(one['parameters']):,} to {max(one['parameters']):,} parameters"
        )
    protocol = dataclasses.asdict(rival.protocol)
    figures = {"protocol": protocol, "budgets": found, "machine": hardware()}
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
