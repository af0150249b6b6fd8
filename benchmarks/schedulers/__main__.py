"""Which scheduler finds the best of a study soonest? Replayed on its complete curves.

    python -m benchmarks.schedulers STUDY…                  # minutes, nothing is trained
    python -m benchmarks.schedulers STUDY --orders 100 --methods "asha, 3" median
    python -m benchmarks.schedulers docs/results/study/records/d_families

STUDY is the folder of a study in which every trial ran to its end (no scheduler), with images held
out, or a published record of one. Each method searches over its trials in ``--orders`` random
orders of arrival. A search sees the accuracy on one half of the held-out images. It is judged on
the other half: its *regret* is how many points the trial that it chose lies below the one that a
search to the end of every trial chooses. A negative regret is luck on the hidden half. Beside it
stand the shares of the epochs and of the time that it spent. A method of your own is a function in
a file, ``--methods mine.py:search``: docs/results/study/schedulers.md.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from analysis.record.record import RecordError
from analysis.record.tables import TableError
from analysis.study.held_out import judging_images
from analysis.study.study import Study, load_study
from benchmarks.hardware import hardware
from benchmarks.schedulers import chart
from benchmarks.schedulers.curves import Curve, CurveError, read_curves
from benchmarks.schedulers.methods import METHODS, Method, MethodError, Setting, complete, named
from benchmarks.schedulers.replay import Outcome
from benchmarks.study.records import is_packed, unpack

RESULTS = Path(__file__).resolve().parents[1] / "results" / "schedulers.json"


def judge(method: Method, curves: Sequence[Curve], setting: Setting, orders: int) -> dict[str, Any]:
    """One method over many orders; the same orders for every method."""
    full = complete(curves, setting, np.random.default_rng(0))
    regrets, epochs, seconds = [], [], []
    for order in range(orders):
        rng = np.random.default_rng(order)
        arrived = [curves[index] for index in rng.permutation(len(curves))]
        outcome: Outcome = method(arrived, setting, rng)
        regrets.append(100 * (full.chosen.hidden[-1] - outcome.chosen.hidden[-1]))
        epochs.append(outcome.epochs / full.epochs)
        seconds.append(outcome.seconds / full.seconds)
    return {
        "orders": orders,
        "regret_points": round(float(np.mean(regrets)), 3),
        "regret_standard_error": round(float(np.std(regrets) / np.sqrt(orders)), 4),
        "regret_95_percent_below": round(float(np.quantile(regrets, 0.95)), 3),
        "epochs_share": round(float(np.mean(epochs)), 4),
        "time_share": round(float(np.mean(seconds)), 4),
    }


def table(name: str, trials: int, found: dict[str, dict[str, Any]]) -> str:
    """A line a method."""
    lines = [
        f"{name}: {trials} trials",
        f"{'':36}{'regret':>8}{'95 % below':>12}{'epochs':>8}{'time':>8}",
    ]
    for method, one in found.items():
        lines.append(
            f"{method:36}{one['regret_points']:8.2f}{one['regret_95_percent_below']:12.2f}"
            f"{one['epochs_share']:8.1%}{one['time_share']:8.1%}"
        )
    return "\n".join(lines)


def _study(folder: Path) -> Study:
    """A study's folder, or a published record; the latter is read from its ledger."""
    if not is_packed(folder):
        return load_study(folder)
    with tempfile.TemporaryDirectory() as unpacked:
        unpack(folder, Path(unpacked) / folder.name)
        return load_study(Path(unpacked) / folder.name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a table a study and writes the figures; 2 where a study has no curves."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.schedulers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("studies", nargs="+", type=Path, metavar="STUDY")
    parser.add_argument("--orders", type=int, default=1_000)
    parser.add_argument("--slots", type=int, default=2, help="trials at once")
    which = "their names, or mine.py:search; default: all names"
    parser.add_argument("--methods", nargs="+", default=[*METHODS], metavar="NAME", help=which)
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the figures go")
    picture = "where a chart of them goes, as PNG, SVG, PDF"
    parser.add_argument("--save", "--picture", dest="picture", type=Path, help=picture)
    given = parser.parse_args(arguments)
    try:
        methods = {name: named(name) for name in given.methods}
    except MethodError as problem:
        parser.error(str(problem))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    written: dict[str, Any] = {"hardware": hardware(), "slots": given.slots, "studies": {}}
    for folder in given.studies:
        try:
            study = _study(folder)
            curves = read_curves(study)
        except (CurveError, RecordError, TableError) as problem:
            parser.exit(2, f"{problem}\n")
        trials = study.trials
        setting = Setting(
            slots=given.slots,
            schedule=str(trials["schedule"].iloc[0]),
            chance=1 / int(trials["classes"].iloc[0]),
            images=-(-(judging_images(study) or 0) // 2),
        )
        found = {
            name: judge(method, curves, setting, given.orders) for name, method in methods.items()
        }
        print(table(study.name, len(curves), found), flush=True)
        written["studies"][study.name] = {"trials": len(curves), "methods": found}
    given.out.write_text(json.dumps(written, indent=1) + "\n")
    if given.picture:
        chart.write(written["studies"], given.picture)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
