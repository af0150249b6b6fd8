"""Schedulers stop trials early: Ray's own, fed so that a trial is its content.

Ray gives every attempt an id of its own, and its schedulers forget everything with the driver. Here
each trial has one stub whose id is the content's, whatever attempt reports for it, and the record's
epochs are replayed through the scheduler's public callbacks before the search goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from analysis.record.rows import Ended, EpochResult, SearchRow, Started
from analysis.record.status import COMPARABLE, TrialStatus
from trainables.config.metrics import WORST_SCORE, score
from tune_app.deciding.pickles_empty import PicklesEmpty
from tune_app.planning.rows import epoch_row


class SchedulerError(RuntimeError):
    """A scheduler asked for something that a search cannot do."""


class TrialProxy:
    """What Ray's schedulers see of a trial: an id that outlives attempts and drivers."""

    def __init__(self, trial_id: str) -> None:
        self.trial_id = trial_id

    def __str__(self) -> str:
        return self.trial_id


class NullController:
    """In place of Ray's controller: no trial waits, so that no scheduler pauses one for another."""

    def get_live_trials(self) -> tuple[()]:
        return ()


class ContentScheduler(PicklesEmpty, FIFOScheduler):
    """Hands trials to a scheduler of Ray's by content; the order of starting stays the searcher's.

    ``size_bin`` names the group a trial is compared within (all in one by default), ``on_stop``
    hears the trial id when a trial is stopped. Trials that ``spares`` names are never judged, nor
    is another against them. Epochs already judged are not judged again: a retried trial may repeat
    some.
    """

    def __init__(
        self,
        make: Callable[[], TrialScheduler],
        *,
        size_bin: Callable[[str], Hashable] = lambda trial_id: None,
        on_stop: Callable[[str], None] = lambda trial_id: None,
        spares: Callable[[str], bool] = lambda trial_id: False,
    ) -> None:
        super().__init__()
        self._make, self._size_bin, self._on_stop = make, size_bin, on_stop
        self._spares = spares
        self._inner: dict[Hashable, TrialScheduler] = {}
        self._stubs: dict[str, TrialProxy] = {}
        self._judged: dict[str, int] = {}
        self._ended: set[str] = set()

    # What Ray calls.

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        self.admit(trial.config["trial_id"])

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict) -> str:
        trial_id = trial.config["trial_id"]
        if not result.get("epochs", True):  # it waits for its storage: there is no new epoch
            return TrialScheduler.CONTINUE
        decision = self.judge(epoch_row(result, trial_id, 0, 0.0))
        if decision == TrialScheduler.STOP:
            self._on_stop(trial_id)
        return decision

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict) -> None:
        if result.get("epoch") and not result.get("interrupted"):
            trial_id = trial.config["trial_id"]
            self.finish(epoch_row(result, trial_id, 0, 0.0))

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """A trial that never started leaves no trace."""

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Another attempt follows, or the trial's results stand as they are."""

    def debug_string(self) -> str:
        return "; ".join(inner.debug_string() for inner in self._inner.values())

    # What both Ray and the replay of a record come down to.

    def admit(self, trial_id: str) -> None:
        """A trial enters; further attempts of it change nothing."""
        if trial_id not in self._stubs and not self._spares(trial_id):
            self._stubs[trial_id] = TrialProxy(trial_id)
            self._scheduler(trial_id).on_trial_add(NullController(), self._stubs[trial_id])

    def judge(self, row: EpochResult) -> str:
        """Whether the trial goes on after an epoch that is not its last."""
        value = score(row)
        if value is None or not self._is_new(row) or self._spares(row.trial_id):
            return TrialScheduler.CONTINUE
        self._judged[row.trial_id] = row.epoch
        decision = self._scheduler(row.trial_id).on_trial_result(
            NullController(), self._stubs[row.trial_id], {"epoch": row.epoch, "score": value}
        )
        if decision not in (TrialScheduler.STOP, TrialScheduler.CONTINUE):
            raise SchedulerError(
                f"the scheduler answered {decision} after epoch {row.epoch} of {row.trial_id}: one "
                "that pauses trials is not supported, use one that stops or continues them"
            )
        return str(decision)

    def finish(self, row: EpochResult) -> None:
        """The trial ended for good with this epoch."""
        if row.trial_id in self._ended or self._spares(row.trial_id):
            return
        self._ended.add(row.trial_id)
        value = score(row)
        self._scheduler(row.trial_id).on_trial_complete(
            NullController(),
            self._stubs[row.trial_id],
            {"epoch": row.epoch, "score": WORST_SCORE if value is None else value},
        )

    def replay(self, rows: Sequence[SearchRow]) -> dict[str, str]:
        """Puts the scheduler where the record left it; the decision at each trial's last epoch."""
        endings = _endings(rows)
        decisions: dict[str, str] = {}
        for row in rows:
            if isinstance(row, Started | EpochResult):
                self.admit(row.trial_id)
            if isinstance(row, EpochResult):
                last, status = endings.get(row.trial_id, (None, None))
                # Ray does not ask about a last epoch
                if row is not last or status == TrialStatus.STOPPED:
                    decisions[row.trial_id] = self.judge(row)
                if row is last:
                    self.finish(row)
            elif isinstance(row, Ended) and row.status == TrialStatus.DIVERGED:
                self.finish(diverged_row(row))
        return decisions

    def _is_new(self, row: EpochResult) -> bool:
        return row.epoch > self._judged.get(row.trial_id, 0) and row.trial_id not in self._ended

    def _scheduler(self, trial_id: str) -> TrialScheduler:
        key = self._size_bin(trial_id)
        if key not in self._inner:
            self._inner[key] = self._make()
        return self._inner[key]


def _endings(rows: Sequence[SearchRow]) -> dict[str, tuple[EpochResult, TrialStatus]]:
    """The last epoch and the end of each trial that ended well."""
    latest: dict[str, EpochResult] = {}
    endings: dict[str, tuple[EpochResult, TrialStatus]] = {}
    for row in rows:
        if isinstance(row, EpochResult):
            latest[row.trial_id] = row
        elif isinstance(row, Started):
            endings.pop(row.trial_id, None)
        elif isinstance(row, Ended) and row.status in COMPARABLE and row.trial_id in latest:
            endings[row.trial_id] = latest[row.trial_id], row.status
    return endings


def diverged_row(row: Ended) -> EpochResult:
    """The epoch that a diverged trial did not finish, as schedulers see it."""
    return EpochResult(row.trial_id, row.attempt, row.time, row.epoch + 1, None, 0.0)


def size_bin(parameters: int) -> int:
    """Networks within a factor of two compete; larger ones would win by size alone."""
    return int(math.log2(max(1, parameters)))
