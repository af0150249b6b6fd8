"""Decides which attempt runs next, and writes down what became of each. Knows no Ray."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from analysis.record.rows import AnyRow, Ended, Epoch, Started
from analysis.record.status import TrialStatus
from tune_app.deciding.deadly_hosts import DeadlyHosts
from tune_app.deciding.failure_streak import FailureStreak
from tune_app.deciding.failures import Failure, RetryPolicy
from tune_app.deciding.halt import Halt
from tune_app.deciding.searcher import Searcher
from tune_app.planning.plan import PlannedTrial
from tune_app.planning.rows import planned_row
from tune_app.record.history import History

ENDED_WORKERS = ("lost_worker", "low_memory")
"""Kinds of failures that end a worker on a host that goes on."""


@dataclass(frozen=True, slots=True)
class RunningAttempt:
    """One try at a trial, going on after ``known_epochs`` epochs that are on record.

    ``proposed_at`` is in seconds since 1970. ``tier`` indexes ``Placement.tiers``: 0 for the
    ordinary resources, more for a trial that ran out of memory. ``threads`` are those that a trial
    was begun with on a CPU: others would round elsewhere. 0 leaves them open.
    """

    trial: PlannedTrial
    number: int
    known_epochs: int
    proposed_at: float
    tier: int = 0
    threads: int = 0

    @property
    def trial_id(self) -> str:
        return self.trial.trial_id


class Dispatcher:
    """The state of a running search: what runs, what waits, what the record says.

    ``write`` appends rows to the ledger. ``halted`` holds the reason, in words, once nothing more
    is to start. ``deadly_hosts`` are those that ended their workers again and again. Trials that
    need more than the ordinary resources wait until ``next_tier`` names their tier.
    """

    def __init__(
        self,
        *,
        searcher: Searcher,
        history: History,
        write: Callable[..., None],
        policy: RetryPolicy,
        search: str = "",
        halt: Halt | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.searcher, self.history, self.policy = searcher, history, policy
        self.search, self.clock = search, clock
        self._write_rows = write
        self.streak = FailureStreak()
        self.deadly_hosts: set[str] = set()
        self._host_losses = DeadlyHosts()
        self._halt = halt or Halt()
        self.running: dict[str, RunningAttempt] = {}
        self._waiting: dict[int, deque[PlannedTrial]] = {}

    # What starts.

    def next_attempt(self, tier: int = 0) -> RunningAttempt | None:
        """The next attempt in this tier, which then counts as running; None if there is none."""
        if self.halted:
            return None
        waiting = self._waiting.get(tier)
        trial = waiting.popleft() if waiting else (self.searcher.propose() if tier == 0 else None)
        if trial is None:
            return None
        history = self.history[trial.trial_id]
        if (needed := self._tier(trial)) != tier:
            self._waiting.setdefault(needed, deque()).append(trial)
            return self.next_attempt(tier)
        if history.planned is None:
            self.write(planned_row(trial, time=self.clock(), search=self.search))
        attempt = RunningAttempt(
            trial,
            history.attempt + 1,
            history.epoch,
            self.clock(),
            tier,
            history.threads,
        )
        self.running[trial.trial_id] = attempt
        return attempt

    def is_done(self, tier: int = 0) -> bool:
        """Whether no attempt in this tier runs or will ever be proposed."""
        if self.running:
            return False
        return bool(self.halted) or not (self._waiting.get(tier) or self._more(tier))

    def next_tier(self) -> int | None:
        """The lowest tier that trials wait for; None when nothing is left."""
        if self.halted:
            return None
        if self._more(0) or self._waiting.get(0):
            return 0
        return min((tier for tier, waiting in self._waiting.items() if waiting), default=None)

    def _more(self, tier: int) -> bool:
        return tier == 0 and not self.searcher.exhausted

    def _tier(self, trial: PlannedTrial) -> int:
        failures = self.history[trial.trial_id].failures
        short_of_memory = failures["out_of_memory"] + failures["low_memory"]
        return min(short_of_memory, self.policy.memory_tiers)

    # What happened.

    def started(self, trial_id: str, host: str = "", device: str = "", threads: int = 0) -> None:
        """The attempt took a slot."""
        attempt = self.running[trial_id]
        where = {"host": host, "device": device, "threads": threads}
        self.write(
            Started(trial_id, attempt.number, self.clock(), attempt.known_epochs, **where)  # type: ignore[arg-type]
        )

    def epochs(self, rows: Iterable[Epoch]) -> list[Epoch]:
        """Writes those epochs that are not on record yet, and returns them."""
        fresh = [row for row in rows if row.epoch > self.history[row.trial_id].epoch]
        if fresh:
            self.write(*fresh)
            self.streak.went_well(epoch=True)
            self._host_losses.epoch(self.history[fresh[0].trial_id].host)
        return fresh

    def ended(self, trial_id: str, status: TrialStatus, code: str = "") -> None:
        """The attempt ended without a failure; ``code`` is the code path that trained it."""
        attempt = self.running.pop(trial_id)
        history = self.history[trial_id]
        why = (
            f"the loss was not finite in epoch {history.epoch + 1}"
            if status == TrialStatus.DIVERGED
            else None
        )
        now, epoch = self.clock(), history.epoch
        self.write(Ended(trial_id, attempt.number, now, status, epoch, error=why, code=code))
        if status != TrialStatus.INTERRUPTED:
            self.streak.went_well(epoch=False)
            self.searcher.tell(trial_id, self.history[trial_id])

    def failed(self, trial_id: str, failure: Failure) -> bool:
        """The attempt failed; whether another will follow. May halt the search."""
        attempt = self.running.pop(trial_id)
        history = self.history[trial_id]
        retry = not failure.is_hopeless and self.policy.retries(history, failure.kind)
        end = Ended(
            trial_id,
            attempt.number,
            self.clock(),
            TrialStatus.FAILED,
            history.epoch,
            kind=failure.kind,
            error=failure.error,
            retry=retry,
        )
        self.write(end)
        if failure.kind in ENDED_WORKERS and self._host_losses.lost(
            history.host, trial_id, attempt.proposed_at, end.time
        ):
            self.deadly_hosts.add(history.host)
        if self.streak.failed(failure.kind, attempt.proposed_at, end.time):
            kind = failure.kind.replace("_", " ")
            causes = self.streak.causes
            self.halt(f"{causes} failures in a row, all of kind {kind}; last: {failure.summary}")
        if retry:
            self._waiting.setdefault(self._tier(attempt.trial), deque()).appendleft(attempt.trial)
        else:
            self.searcher.tell(trial_id, self.history[trial_id])
        return retry

    def halt(self, reason: str) -> None:
        """Nothing more starts; the first reason stays."""
        self._halt(reason)

    @property
    def halted(self) -> str:
        """Why nothing more is to start, in words; "" while the search goes on."""
        return self._halt.reason

    def write(self, *rows: AnyRow) -> None:
        """Puts rows on record."""
        self._write_rows(*rows)
        for row in rows:
            self.history.apply(row)
