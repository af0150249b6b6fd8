"""Runs scripted studies through Ray, and reads what they left."""

from collections import Counter
from pathlib import Path

from analysis.record.record import read_record
from analysis.record.rows import Ended, Epoch, Started
from analysis.study.study import load_study
from tune_app.command.options import RunOptions
from tune_app.command.output import log_to
from tune_app.engine.runner_config import RunnerConfig
from tune_app.engine.workload import Workload
from tune_app.study.finalize import Outcome
from tune_app.study.run_study import run_study

SCRIPTED = "tests.tune_app.scripted:ScriptedTrainable"
PRELOAD = ("ray.tune",)


class Engine:
    """One study folder; ``run`` may be called again and again.

    One trial at a time unless told otherwise: each worker costs seconds of a core to start.
    """

    def __init__(self, results: Path, name: str = "scripted") -> None:
        self.results, self.name = results, name
        self.lines: list[str] = []

    @property
    def folder(self) -> Path:
        return self.results / self.name

    def run(self, plan, script=None, *, slots=1, setting=None, **options) -> Outcome:
        chosen = RunnerConfig(
            workload=Workload(SCRIPTED, {"script": script or {}}),
            preload=PRELOAD,
            report=False,
            **(setting or {}),
        )
        asked = RunOptions(
            space="scripted",
            results_dir=self.results,
            name=self.name,
            command="run_tune.py again",
            max_concurrent=slots,
            **options,
        )
        with log_to(self.lines.append):
            return run_study(plan, asked, chosen)

    @property
    def rows(self):
        return read_record(self.folder).rows

    def of(self, kind):
        return [row for row in self.rows if isinstance(row, kind)]

    @property
    def statuses(self) -> Counter:
        return Counter(load_study(self.folder).trials["status"])

    def epochs(self, trial) -> list[int]:
        return [row.epoch for row in self.of(Epoch) if row.trial_id == trial.trial_id]

    def ends(self, trial) -> list[Ended]:
        return [row for row in self.of(Ended) if row.trial_id == trial.trial_id]

    def attempts(self, trial) -> int:
        return sum(row.trial_id == trial.trial_id for row in self.of(Started))

    @property
    def trained(self) -> Counter:
        """How often each epoch was begun, by the log that workers write."""
        return self.trained_in(self.folder / "checkpoints")

    @staticmethod
    def trained_in(storage: Path) -> Counter:
        """The same of a study whose checkpoints lie elsewhere."""
        counts: Counter = Counter()
        for log in storage.glob("*/worker.log"):
            for line in log.read_text().splitlines():
                counts[log.parent.name, int(line.split()[1])] += 1
        return counts
