"""Attempts: the times at which a trial held a slot, and how each attempt ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

import pandas as pd

from analysis.record.dtypes import ATTEMPT_DTYPES, typed_frame
from analysis.record.rows import AnyRow, Ended, Run, Started, rows_of
from analysis.record.status import TrialStatus


@dataclass(slots=True)
class Attempt:
    """One attempt of a trial; the fields are the columns of ``ATTEMPT_DTYPES``."""

    trial_id: str
    attempt: int
    started: float | None = None
    ended: float | None = None
    status: TrialStatus = TrialStatus.RUNNING
    from_epoch: int | None = None
    to_epoch: int | None = None
    error_kind: str | None = None
    error: str | None = None
    retry: bool | None = None
    host: str = ""
    device: str = ""
    threads: int | None = None
    code: str = ""

    @property
    def outcome(self) -> TrialStatus:
        """The status of a trial with this last attempt; one that will be retried is running."""
        retried = self.retry and self.status == TrialStatus.FAILED
        return TrialStatus.RUNNING if retried else self.status

    def end(self, row: Ended) -> None:
        """Adds the end of the attempt."""
        self.ended, self.status, self.to_epoch = row.time, row.status, row.epoch
        self.error_kind, self.error, self.retry = row.kind, row.error, row.retry
        self.code = row.code

    def interrupt(self) -> None:
        """The driver that ran it is gone."""
        if self.status == TrialStatus.RUNNING:
            self.status = TrialStatus.INTERRUPTED


def read_attempts(rows: Iterable[AnyRow]) -> list[Attempt]:
    """Every attempt, in the order they started."""
    attempts: dict[tuple[str, int], Attempt] = {}
    for row in rows_of(rows, Started, Ended, Run):
        match row:
            case Started():
                attempts[row.trial_id, row.attempt] = Attempt(
                    row.trial_id,
                    row.attempt,
                    started=row.time,
                    from_epoch=row.epoch,
                    host=row.host,
                    device=row.device,
                    threads=row.threads or None,
                )
            case Ended():
                key = (row.trial_id, row.attempt)
                attempts.setdefault(key, Attempt(*key)).end(row)
            case Run():
                for attempt in attempts.values():
                    attempt.interrupt()
    return list(attempts.values())


def last_attempts(attempts: Iterable[Attempt]) -> dict[str, Attempt]:
    """The attempt that decides the status of each trial."""
    last: dict[str, Attempt] = {}
    for attempt in attempts:
        known = last.get(attempt.trial_id)
        if known is None or attempt.attempt >= known.attempt:
            last[attempt.trial_id] = attempt
    return last


def attempts_frame(attempts: Iterable[Attempt]) -> pd.DataFrame:
    """A row for each attempt."""
    return typed_frame(list(map(attrgetter(*ATTEMPT_DTYPES), attempts)), ATTEMPT_DTYPES)
