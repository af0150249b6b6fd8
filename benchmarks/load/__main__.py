"""What a driver bears when the cluster costs nothing: 1,000 slots, 10,000 queued trials.

``python -m benchmarks.load``: Ray Tune's controller and the whole of the driver run as ever, but
its actors answer at once from a list, in this process. So what is measured is the driver alone:
results a second, memory, and how many slots that feeds. A trial that reports every S seconds takes
1/S results a second; beyond the driver's rate results wait, and slots with them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from ray.train._internal import storage
from ray.tune.callback import CallbackList
from ray.tune.execution import tune_controller
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Experiment
from ray.tune.search.search_generator import SearchGenerator

from analysis.record.record import Record, read_record
from analysis.record.rows import Epoch
from analysis.record.status import TrialStatus
from benchmarks.growth import Watch, plan
from benchmarks.hardware import hardware
from benchmarks.instant import InstantTrainable
from benchmarks.load.recorded_actors import RecordedActors
from tune_app.command.errors import RayLostError
from tune_app.command.options import RunOptions
from tune_app.deciding.content_scheduler import ContentScheduler
from tune_app.engine import tune_loop
from tune_app.engine.ledger_callback import LedgerCallback
from tune_app.engine.runner_config import RunnerConfig
from tune_app.engine.search_adapter import RaySearchAdapter, WorkerSettings
from tune_app.engine.tuner_fit import MOST_PENDING, DeadlineStopper, _name
from tune_app.engine.worker import trainable
from tune_app.engine.workload import Workload
from tune_app.machine.placement import Placement
from tune_app.machine.resources import Node, TrialResources
from tune_app.nodes.ray_start import RayStart
from tune_app.record.paths import StudyPaths
from tune_app.record.study_document import StudyName
from tune_app.session.session import Session
from tune_app.session.signal_handler import SignalHandler
from tune_app.study.open import open_study
from tune_app.study.prepare import PreparedStudy
from tune_app.study.search import search_study


def fit(
    session: Session,
    workload: Workload,
    scheduler: ContentScheduler,
    settings: WorkerSettings,
    *,
    slots: Callable[[], int],
    tier: int,
    limit: int,
    callback: LedgerCallback,
    **resources: object,
) -> None:
    """What ``fit_tuner`` does, on recorded actors and without a Ray that runs."""
    feeder = RaySearchAdapter(
        session.dispatcher,
        settings,
        tier=tier,
        limit=limit,
        slots=slots,
        may_start=session.may_start,
    )
    search = SearchGenerator(feeder)
    with tempfile.TemporaryDirectory(prefix="load-tune-") as scratch:
        experiment = Experiment(
            "chunk", trainable(workload), num_samples=sys.maxsize, storage_path=scratch,
            trial_name_creator=_name, trial_dirname_creator=_name,
        )  # fmt: skip
        controller = TuneController(
            search_alg=search,
            scheduler=scheduler,
            stopper=DeadlineStopper(session),
            callbacks=CallbackList([callback]),
            storage=experiment.storage,
            checkpoint_period=1e9,
            reuse_actors=True,
            resource_manager_factory=object,
        )
        search.add_configurations([experiment])
        controller._max_pending_trials = MOST_PENDING
        while not controller.is_finished():
            controller.step()


class NoRay(RayStart):
    """There is no Ray to start anew: whatever breaks ends the search."""

    def again(self) -> list[Node]:
        """Raises what a Ray that does not start raises."""
        raise RayLostError("this benchmark runs without Ray")


class NoResources:
    """Nobody asks what the cluster has: the slots are given."""

    def __init__(self, refresh_period: object) -> None:
        pass

    def update_avail_resources(self, *arguments: object, **options: object) -> None:
        """Nothing to update."""

    def get_num_cpus(self) -> int:
        """More than will be asked for."""
        return 1_000_000

    get_num_gpus = get_num_cpus


def fed(trials: int, slots: int, epochs: int, epochs_a_report: int = 1) -> dict:
    """Runs so many trials on so many slots that answer at once."""
    tune_controller.RayActorManager = RecordedActors
    tune_controller._ResourceUpdater = NoResources
    storage._get_ray_train_session_dir = tempfile.gettempdir
    vars(tune_loop).update(fit_tuner=fit, SlotCount=lambda *place, **more: lambda: slots)
    InstantTrainable.epochs_a_report = epochs_a_report
    watch = Watch()
    watch.start()
    made = plan(trials, epochs)
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        options = RunOptions(space="load", results_dir=Path(folder), max_concurrent=slots)
        paths = StudyPaths(Path(folder) / "load")
        config = RunnerConfig(Workload("unused:Unused"), report=False)
        placement = Placement((Node("recorded", float(slots)),), (TrialResources(1.0),), slots)
        name = StudyName("", "load")
        prepared = PreparedStudy(
            made, options, paths, name, str(paths.checkpoints), Record(()), (), config.workload,
            placement,
        )  # fmt: skip
        began_mb = watch.process.memory_info().rss / 1e6
        with SignalHandler() as signals:
            study, lost = open_study(prepared, threading.Event()), threading.Event()
            outcome = search_study(study, config, signals, lost, NoRay(options, ()), float("inf"))
        rows = [row for row in read_record(paths.folder).rows if isinstance(row, Epoch)]
    first, last = rows[0].time, rows[-1].time
    rate = len(rows) / (last - first)
    return {
        "trials": trials,
        "slots": slots,
        "epochs": epochs,
        "epochs_a_report": epochs_a_report,
        "finished": outcome.counts[TrialStatus.FINISHED],
        "seconds": round(last - first, 1),
        "epochs_per_second": round(rate, 1),
        "driver_cpu_ms_per_epoch": round(
            1e3 * (watch.at(last)[2] - watch.at(first)[2]) / len(rows), 2
        ),
        "driver_mb_before": round(began_mb),
        "driver_mb_peak": round(max(note[1] for note in watch.notes) / 1e6),
        "seconds_an_epoch_must_take_at_these_slots": round(slots / rate, 2),
    }


def main() -> None:
    """Prints and writes what was measured, with one epoch a report and with several."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--slots", type=int, nargs="+", default=[150, 1_000])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--reports", type=int, nargs="+", default=[1, 5], help="epochs in each")
    parser.add_argument("--add", action="store_true", help="to the runs that are on record")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/load.json"))
    given = parser.parse_args()
    figures: dict = {"hardware": hardware(), "runs": []}
    if given.add and given.out.exists():
        figures["runs"] = json.loads(given.out.read_text())["runs"]
    for slots in given.slots:
        for epochs_a_report in given.reports:
            words = [sys.executable, "-c", ONE, given.trials, slots, given.epochs, epochs_a_report]
            done = subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True)
            figures["runs"].append(json.loads(done.stdout.splitlines()[-1]))
            print(json.dumps(figures["runs"][-1]), flush=True)
    figures["load_average_at_the_end"] = hardware()["load_average"]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(figures, indent=2) + "\n")


ONE = """
import json, sys
from benchmarks.load.__main__ import fed
print(json.dumps(fed(*map(int, sys.argv[1:]))))
"""
"""Each in a process of its own: what is measured is its memory."""


if __name__ == "__main__":
    main()
