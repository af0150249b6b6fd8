"""What a person sees while the search runs: lines where output is piped, a table on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from analysis.record.record import Epoch
from analysis.record.status import TrialStatus
from tune_app.planning.plan import PlannedTrial
from tune_app.record.history import History, score

WIDTH = 80
REFRESH_SECONDS = 0.5


@dataclass
class Progress:
    """Counts trials and epochs. ``epochs_to_go`` is 0 where a search decides as it goes;
    ``say_elsewhere`` takes the lines in place of the console."""

    history: History
    planned: int
    epochs_to_go: int = 0
    say_elsewhere: Callable[[str], None] | None = None
    console: Console = field(default_factory=Console)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.began = self.clock()
        self.ended = sum(not one.status.is_open for one in self.history.trials.values())
        self.epochs_here = 0
        self.epochs_saved = 0  # of stopped trials: never to be trained
        self.running: dict[str, float] = {}
        self.best: tuple[float, str] = self._best_so_far()
        self._live: Live | None = None
        self._drawn = 0.0

    def __enter__(self) -> Progress:
        if self.console.is_terminal and self.say_elsewhere is None:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    # Events.

    def begin_stage(self, words: str, trials: Sequence[PlannedTrial]) -> None:
        """These trials are to run as well, now that the first stage is done."""
        self.planned = max(self.planned, self.ended) + len(trials)
        done = self.epochs_here + self.epochs_saved
        left = sum(one.config.epochs - self.history[one.trial_id].epoch for one in trials)
        self.epochs_to_go = max(self.epochs_to_go, done) + left
        self.say(words)

    def epoch(self, row: Epoch) -> None:
        """An epoch is on record."""
        self.epochs_here += 1
        value = score(row)
        if value is not None and value > self.best[0] and self._is_last(row):
            self.best = (value, row.trial_id)

    def change(self, trial_id: str, what: str) -> None:
        """A trial started, ended ("finished", "stopped", …) or failed ("retry", "failed")."""
        if what == "started":
            self.running[trial_id] = self.clock()
            return
        self.running.pop(trial_id, None)
        trial = self.history[trial_id]
        if what == "retry":
            kind = trial.ended.kind if trial.ended else "unknown"
            self.say(f"{trial_id} failed ({kind}), tries again after epoch {trial.epoch}")
            return
        self.ended += what != TrialStatus.INTERRUPTED
        self.epochs_saved += max(0, self._epochs(trial_id) - trial.epoch)
        if not self._live:
            self.say(self._end_line(trial_id, what))

    def tick(self) -> None:
        """Draws the table, at most twice a second."""
        if self._live and self.clock() - self._drawn > REFRESH_SECONDS:
            self._drawn = self.clock()
            self._live.update(self._table(), refresh=True)

    def say(self, text: str) -> None:
        """One line that stays."""
        if self.say_elsewhere is not None:
            self.say_elsewhere(text)
            return
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    # What is shown.

    def _end_line(self, trial_id: str, what: str) -> str:
        trial = self.history[trial_id]
        value = score(trial.last) if trial.last else None
        shown = f"{value:.4f}" if value is not None else "   –  "
        counted = f"[{self.ended}/{self.planned}]"
        return f"{counted} {what:<11} {shown} after {trial.epoch:>3} epochs  {trial_id}"

    def _table(self) -> Group:
        lines = [Text(self._summary()[:WIDTH], style="bold")]
        for trial_id in list(self.running)[: max(4, self.console.height - 4)]:
            lines.append(Text(self._running_line(trial_id)[: self.console.width]))
        return Group(*lines)

    def _running_line(self, trial_id: str) -> str:
        trial = self.history[trial_id]
        total = self._epochs(trial_id)
        filled = round(10 * trial.epoch / max(1, total))
        value = score(trial.last) if trial.last else None
        shown = f"{value:.4f}" if value is not None else "  –   "
        return (
            f"  {'█' * filled}{'░' * (10 - filled)} {trial.epoch:>3}/{total:<3} {shown}  {trial_id}"
        )

    def _summary(self) -> str:
        parts = [f"{self.ended}/{self.planned} trials", f"{len(self.running)} running"]
        left = self.seconds_left()
        if left is not None:
            parts.append(f"about {duration(left)} left")
        name = self.best[1]
        parts.append(f"best {self.best[0]:.4f} {name}" if name else "no result yet")
        return " · ".join(parts)

    def seconds_left(self) -> float | None:
        """From the epochs finished in this run, None before the first."""
        elapsed = self.clock() - self.began
        if not self.epochs_here or not self.epochs_to_go:
            return None
        left = self.epochs_to_go - self.epochs_here - self.epochs_saved
        return max(0.0, left) * elapsed / self.epochs_here

    def _epochs(self, trial_id: str) -> int:
        planned = self.history[trial_id].planned
        return int(planned.config["epochs"]) if planned else 0

    def _is_last(self, row: Epoch) -> bool:
        return row.epoch >= self._epochs(row.trial_id)

    def _best_so_far(self) -> tuple[float, str]:
        finished: list[tuple[float, str]] = [
            (score(trial.last) or 0.0, name)
            for name, trial in self.history.trials.items()
            if trial.status == TrialStatus.FINISHED and trial.last
        ]
        return max(finished, default=(-1.0, ""))


def duration(seconds: float) -> str:
    """45 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
