"""Progress of a running search: lines where output is piped, a table on a terminal."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from analysis.record.rows import Epoch
from analysis.record.status import TrialStatus
from trainables.config.metrics import score
from trainables.text.duration import format_duration
from tune_app.command.output import LOG
from tune_app.deciding.failures import last_line
from tune_app.planning.plan import PlannedTrial
from tune_app.record.history import History, best_on_record
from tune_app.session.retry_report import RetryReport

REFRESH_SECONDS = 0.5
SLOW_START_SECONDS = 30.0  # the first worker is ready after four on an idle machine
LOOKING_SHARE = 50  # of the time that passes, what goes into looking for the best is one part


@dataclass
class ProgressDisplay:
    """Counts trials and epochs, and logs how trials end.

    ``epochs_to_go`` is 0 where a search decides as it goes. ``console`` shows a table of the
    running trials; None: lines alone. ``limits`` are of the networks that may be the best.
    """

    history: History
    planned: int
    epochs_to_go: int = 0
    console: Console | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.began = self.clock()
        self.ended = self._count_ended()
        self.epochs_here = 0
        self.epochs_saved = 0  # of stopped trials: never to be trained
        self.running: dict[str, float] = {}
        self._best: tuple[float, str] | None = None
        self._best_due = 0.0
        self._retries = RetryReport(self.clock)
        self._start_due = self.began + SLOW_START_SECONDS
        self._live: Live | None = None
        self._drawn = 0.0

    def __enter__(self) -> ProgressDisplay:
        if self.console is not None:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._retries.flush()
        if self._live:
            with contextlib.suppress(OSError):
                self._live.stop()
            self._live = None

    # Events.

    def begin_stage(self, words: str, trials: Sequence[PlannedTrial]) -> None:
        """The trials of the second stage, once all of the first have ended."""
        self.ended = self._count_ended()  # some may have been taken from another study
        self.planned = self.ended + len(trials)  # a searcher may have had fewer than were asked for
        done = self.epochs_here + self.epochs_saved
        epochs_left = sum(
            trial.config.epochs - self.history[trial.trial_id].epoch for trial in trials
        )
        self.epochs_to_go = max(self.epochs_to_go, done) + epochs_left
        LOG.info("%s", words)

    def on_start(self, trial_id: str) -> None:
        """An attempt took a slot."""
        self.running[trial_id] = self.clock()
        self._start_due = float("inf")

    def on_epoch(self, row: Epoch) -> None:
        """An epoch is on record."""
        self.epochs_here += 1

    def on_end(self, trial_id: str) -> None:
        """An attempt ended; one that failed may be followed by another."""
        self.running.pop(trial_id, None)
        trial = self.history[trial_id]
        if trial.status == TrialStatus.RUNNING:
            self._retries.add(trial_id, trial)
            return
        self.ended += not trial.status.is_open
        self.epochs_saved += max(0, self._epochs(trial_id) - trial.epoch)
        if not self._live:
            LOG.info("%s", self._end_line(trial_id))
        if trial.status == TrialStatus.FAILED and trial.ended:
            LOG.info("%s failed: %s", trial_id, last_line(trial.ended.error or ""))

    def tick(self) -> None:
        """Draws the table, at most twice a second, and logs what is waited for."""
        self._retries.tick()
        if self.clock() > self._start_due:
            self._start_due = float("inf")
            LOG.info(
                "no trial has begun yet: starting a worker takes long on a busy machine (the load "
                "here is %.1f), and on a cluster it may wait for a slot",
                os.getloadavg()[0],
            )
        if self._live and self.clock() - self._drawn > REFRESH_SECONDS:
            self._drawn = self.clock()
            with contextlib.suppress(OSError):  # a search outlives its terminal
                self._live.update(self._table(self._live.console), refresh=True)

    # What is shown.

    def _end_line(self, trial_id: str) -> str:
        trial = self.history[trial_id]
        value = score(trial.last) if trial.last else None
        accuracy = f"{value:.4f}" if value is not None else "   –  "
        counted = f"[{self.ended}/{self.planned}]"
        epochs = "epoch " if trial.epoch == 1 else "epochs"
        return (
            f"{counted} {trial.status:<11} {accuracy} after {trial.epoch:>3} {epochs}  {trial_id}"
        )

    def _table(self, console: Console) -> Group:
        lines = [Text(self._summary(), style="bold")]
        for trial_id in list(self.running)[: max(4, console.height - 4)]:
            lines.append(Text(self._running_line(trial_id)[: console.width]))
        return Group(*lines)

    def _running_line(self, trial_id: str) -> str:
        trial = self.history[trial_id]
        total = self._epochs(trial_id)
        filled = round(10 * trial.epoch / max(1, total))
        value = score(trial.last) if trial.last else None
        accuracy = f"{value:.4f}" if value is not None else "  –   "
        bar = f"{'█' * filled}{'░' * (10 - filled)}"
        return f"  {bar} {trial.epoch:>3}/{total:<3} {accuracy}  {trial_id}"

    def _summary(self) -> str:
        parts = [f"{self.ended}/{self.planned} trials", f"{len(self.running)} running"]
        left = self.seconds_left()
        if left is not None:
            parts.append(f"about {format_duration(left)} left")
        accuracy, name = self.best()
        parts.append(f"best {accuracy:.4f} {name}" if name else "no result yet")
        return " · ".join(parts)

    def best(self) -> tuple[float, str]:
        """As every output of the study has it; looked up again after a while, as it takes long."""
        if self._best is None or self.clock() > self._best_due:
            began = time.perf_counter()
            self._best = best_on_record(self.history, self.limits)
            took = time.perf_counter() - began
            self._best_due = self.clock() + max(REFRESH_SECONDS, LOOKING_SHARE * took)
        return self._best

    def seconds_left(self) -> float | None:
        """From the epochs finished in this run, None before the first."""
        elapsed = self.clock() - self.began
        if not self.epochs_here or not self.epochs_to_go:
            return None
        epochs_left = self.epochs_to_go - self.epochs_here - self.epochs_saved
        return max(0.0, epochs_left) * elapsed / self.epochs_here

    def _count_ended(self) -> int:
        return sum(not trial.status.is_open for trial in self.history.trials.values())

    def _epochs(self, trial_id: str) -> int:
        planned = self.history[trial_id].planned
        return int(planned.config["epochs"]) if planned else 0
