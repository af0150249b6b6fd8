"""Closing a run: which exit code, the tables, the report, the checkpoints that may go."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from analysis.record.status import OPEN, TrialStatus
from trainables.config.installation import SCRIPT, command_here
from tune_app.record.history import History, score
from tune_app.record.paths import StudyPaths

COMPLETE = "every planned trial is accounted for"


@dataclass(frozen=True)
class Outcome:
    """What became of a run. ``counts`` are of the planned trials, by status; ``reason`` says in
    words why the run ended; ``best`` is the id of the most accurate finished trial, "" for none;
    ``complete`` tells whether another run would find nothing to do."""

    folder: Path
    exit_code: int
    reason: str
    counts: Counter[TrialStatus] = field(default_factory=Counter)
    best: str = ""
    best_accuracy: float = 0.0
    complete: bool = True

    def tell(self, command: str, say: Callable[[str], None]) -> None:
        """For a person: how many ended how, the best, where the report is and how to go on."""
        parts = [f"{self.counts[name]} {name}" for name in TrialStatus if self.counts[name]]
        say(": ".join(filter(None, [self.reason, ", ".join(parts)])))
        if self.best:
            say(f"best: {self.best_accuracy:.4f} {self.best}")
        report = StudyPaths(self.folder).report
        if report.is_file():
            say(f"report: {report}")
        if not self.complete and command:
            say(f"to continue: {command_here()} {command.removeprefix(SCRIPT).lstrip()}")


def count(history: History, planned: Iterable[str]) -> Counter[TrialStatus]:
    """The planned trials by status; one that is on its way counts as interrupted."""
    counts: Counter[TrialStatus] = Counter()
    for trial_id in planned:
        status = history[trial_id].status
        counts[TrialStatus.INTERRUPTED if status == TrialStatus.RUNNING else status] += 1
    return counts


def exit_code(
    counts: Counter[TrialStatus], *, signalled: int, budget_used: bool, complete: bool
) -> int:
    """0 where every trial is accounted for, 1 otherwise, 130 or 143 after a signal.

    A time budget accounts for what never ran; ``complete`` is about trials not even proposed yet.
    """
    if signalled:
        return signalled
    left = sum(counts[status] for status in OPEN)
    if counts[TrialStatus.FAILED] or ((left or not complete) and not budget_used):
        return 1
    return 0


def best_trial(history: History) -> tuple[float, str]:
    """The highest accuracy of a last epoch among finished trials, and whose it is."""
    finished = [
        (score(trial.last) or 0.0, name)
        for name, trial in history.trials.items()
        if trial.status == TrialStatus.FINISHED and trial.last
    ]
    return max(finished, default=(0.0, ""))


def write_results(folder: Path, say: Callable[[str], None], *, report: bool = True) -> None:
    """Tables and report; a fault there is told, and can be made good by ``python -m analysis``."""
    again = f"{command_here('analysis')} {shlex.quote(str(folder))}"
    try:
        from analysis.study.study import load_study

        study = load_study(folder)
        study.write_tables()
    except Exception as problem:
        say(f"the tables could not be written: {problem!r}; {again} tries again")
        return
    if not report:
        return
    try:
        from analysis.charts.pictures import Pictures

        with Pictures() as pictures:  # its engine starts while the rest is imported
            from analysis.report.report import write_report

            write_report(study, pictures)
    except Exception as problem:
        say(f"the report could not be written: {problem!r}; {again} tries again")
