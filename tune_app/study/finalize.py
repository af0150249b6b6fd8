"""Closing a run: exit code, tables, report, and the checkpoints that may be removed."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from analysis.record.rows import Closed
from analysis.record.status import OPEN, TrialStatus
from trainables.config.installation import SCRIPT, command_to_paste
from trainables.text.duration import format_duration
from tune_app.command.output import LOG
from tune_app.engine.open_study import OpenStudy
from tune_app.planning.plan import PlannedTrial
from tune_app.preview.speed_cache import save_speeds
from tune_app.record.history import History, best_on_record, counted_score, final_score
from tune_app.record.ledger import LedgerError
from tune_app.record.paths import StudyPaths
from tune_app.record.record_copy import RecordCopy
from tune_app.record.storage import plain_reason
from tune_app.session.session import Session
from tune_app.study.retention import remove_checkpoints, surplus

COMPLETE = "every planned trial is accounted for"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run.

    ``counts`` are of the planned trials, by status. ``reason`` says in words why the run ended.
    ``best`` is the id of the best configuration's best trial, "" for none; ``best_kept`` that of
    its trials with a checkpoint; ``best_accuracy`` the mean over its seeds, ``best_run`` what that
    trial reached. ``best_learned`` is False where that is so close to a guess that it counts at
    chance. ``complete`` tells whether another run would find nothing to do.
    """

    folder: Path
    exit_code: int
    reason: str
    counts: Counter[TrialStatus] = field(default_factory=Counter)
    best: str = ""
    best_kept: str = ""
    best_accuracy: float = 0.0
    best_run: float = 0.0
    best_learned: bool = True
    complete: bool = True

    def summary(self, command: str) -> list[str]:
        """Lines for a terminal: how trials ended, the best, the report, and how to continue."""
        parts = [f"{self.counts[name]} {name}" for name in TrialStatus if self.counts[name]]
        lines = [": ".join(filter(None, [self.reason, ", ".join(parts)]))]
        if self.best:
            lines.append(f"best: {self.best_accuracy:.4f} {self.best}")
            lines += self._own_accuracy()
        if self.best_kept not in ("", self.best):
            kept = f"its other run {self.best_kept} has one"
            lines.append(f"  (its checkpoint was removed when an earlier command ended; {kept})")
        report = StudyPaths(self.folder).report
        if report.is_file():
            lines.append(f"report: {report}")
        if not self.complete and command:
            arguments = shlex.split(command.removeprefix(SCRIPT))
            # --fresh would begin another study
            resume_arguments = [argument for argument in arguments if argument != "--fresh"]
            lines.append(f"to continue: {command_to_paste('', *resume_arguments)}")
        return lines

    def _own_accuracy(self) -> list[str]:
        """What the named trial has reached, where that is not the mean over the seeds."""
        if abs(self.best_run - self.best_accuracy) < 5e-5:
            return []
        what = "the mean over its seeds"
        if not self.best_learned:  # and so did no other of its runs, which reached less
            what = "chance, at which a run counts that learned nothing"
        return [f"  ({what}; {self.best_run:.4f} in this run)"]

    def log(self, command: str) -> int:
        """Logs the summary; the exit code."""
        for line in self.summary(command):
            LOG.info("%s", line)
        return self.exit_code


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
    """0 where every trial is accounted for, 1 otherwise; 129, 130 or 143 after a signal.

    A time budget accounts for what never ran; ``complete`` is about trials not even proposed yet.
    """
    if signalled:
        return signalled
    open_trials = sum(counts[status] for status in OPEN)
    if counts[TrialStatus.FAILED] or ((open_trials or not complete) and not budget_used):
        return 1
    return 0


def finalize(
    study: OpenStudy, session: Session, estimating: Sequence[PlannedTrial] = ()
) -> Outcome:
    """Closes the record: why the search ended, and how each trial ended.

    ``estimating`` are the second stage's trials, which the plan does not list.
    """
    dispatcher, history = session.dispatcher, study.history
    proposed = {name for name, trial in history.trials.items() if trial.planned}
    planned = {trial.trial_id for trial in study.plan.trials} or proposed
    counts = count(history, planned | {trial.trial_id for trial in estimating})
    open_trials = sum(counts[status] for status in OPEN)
    complete = dispatcher.searcher.exhausted and not open_trials
    reason = dispatcher.halted or (COMPLETE if complete else "the search ended too early")
    with contextlib.suppress(LedgerError):  # ``reason`` says it
        study.ledger.append(Closed(time.time(), reason))
    limits, there = study.plan.rules.limits, frozenset[str]()
    if not session.lost_event.is_set():  # else they are another driver's
        surplus_of = partial(surplus, history, study.options.keep, limits)
        there = remove_checkpoints(study.storage, surplus_of)
    session.storage_at_the_end()
    save_speeds(study.paths.folder.parent, history, study.placement.slots())
    code = exit_code(
        counts,
        signalled=session.signals.exit_code if session.signals.signal else 0,
        budget_used=time.monotonic() > session.ends_at,
        complete=complete,
    )
    accuracy, best = best_on_record(history, limits)
    best_score = final_score(history[best]) if best else 0.0
    return Outcome(
        study.paths.folder,
        code,
        reason,
        counts,
        best=best,
        best_accuracy=accuracy,
        best_run=best_score,
        best_kept=best_on_record(history, limits, there)[1],
        best_learned=not best or counted_score(history[best]) == best_score,
        complete=complete,
    )


def write_results(folder: Path, *, report: bool = True, copy: RecordCopy | None = None) -> None:
    """Tables and report, here and in the storage; a fault there is told."""
    _write_tables_and_report(folder, report=report)
    if copy is None:
        return
    paths = StudyPaths(folder)
    copy.add(paths.study, paths.report, *sorted(folder.glob("*.parquet")))
    if not copy.finish():
        away = format_duration(copy.away_seconds)
        LOG.info(
            "the storage lacks the end of the record: it has taken nothing for %s (%s); run the "
            "same command here to copy it there",
            *(away, plain_reason(copy.problem) or "no answer"),
        )


def _write_tables_and_report(folder: Path, *, report: bool) -> None:
    """What fails can be made good by ``python -m analysis``."""
    command = command_to_paste("analysis", folder)
    try:
        from analysis.study.study import load_study, write_study_tables  # imports pandas

        study = load_study(folder)
        write_study_tables(study)
    except Exception as problem:
        LOG.info("the tables could not be written: %r; try again with %s", problem, command)
        return
    if not report:
        return
    try:
        from analysis.charts.pictures import Pictures  # this and the report import altair

        with Pictures() as pictures:  # its engine starts while the rest is imported
            from analysis.report.report import write_report

            # this driver still renews its lease, but the run that the page shows has ended
            write_report(dataclasses.replace(study, held=False), pictures)
    except Exception as problem:
        LOG.info("the report could not be written: %r; try again with %s", problem, command)
