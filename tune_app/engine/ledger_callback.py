"""What Ray reports, put on record: every epoch, every end, every failure."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray import tune

from analysis.record.record import Epoch
from analysis.record.status import TrialStatus
from tune_app.deciding.dispatcher import Dispatcher
from tune_app.deciding.failures import Failure, classify, classify_text
from tune_app.deciding.pickles_empty import PicklesEmpty
from tune_app.planning.rows import epoch_row


class LedgerCallback(PicklesEmpty, tune.Callback):
    """Translates Ray's events into the dispatcher's.

    ``on_epoch`` hears each epoch that is new on record, ``on_change`` each trial that starts or
    ends, ``on_tick`` is called between events, several times a second. ``location_of`` tells an
    actor's host and device. ``killed`` holds the trials that the watchdog ended.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        on_epoch: Callable[[Epoch], None] = lambda row: None,
        on_change: Callable[[str, str], None] = lambda trial_id, what: None,
        on_tick: Callable[[], None] = lambda: None,
        location_of: Callable[[Any], tuple[str, str]] = lambda actor: ("", ""),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.dispatcher, self.clock, self.location_of = dispatcher, clock, location_of
        self.on_epoch, self.on_change, self.on_tick = on_epoch, on_change, on_tick
        self.actors: dict[str, Any] = {}
        self.last_heard: dict[str, float] = {}
        self.killed: set[str] = set()

    def on_step_end(self, iteration: int, trials: list, **info: Any) -> None:
        self.on_tick()

    def on_trial_start(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        trial_id = trial.config["trial_id"]
        if trial_id in self.dispatcher.running:
            self._start(trial_id, trial.temporary_state.ray_actor)

    def on_trial_result(
        self, iteration: int, trials: list, trial: Any, result: dict, **info: Any
    ) -> None:
        trial_id = trial.config["trial_id"]
        self.last_heard[trial_id] = time.monotonic()
        attempt = trial.config["attempt"]
        now = self.clock()
        reports = result.get("epochs", [result])
        rows = [epoch_row(report, trial_id, attempt, now) for report in reports]
        for row in self.dispatcher.epochs(rows):
            self.on_epoch(row)

    def on_trial_complete(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        trial_id = trial.config["trial_id"]
        if self.forget(trial_id):
            status = self._status(trial_id, trial.last_result or {})
            self.dispatcher.ended(trial_id, status)
            self.on_change(trial_id, status)

    def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        trial_id = trial.config["trial_id"]
        if self.forget(trial_id):
            retry = self.dispatcher.failed(trial_id, self._failure(trial_id, trial))
            self.on_change(trial_id, "retry" if retry else TrialStatus.FAILED)

    def _start(self, trial_id: str, actor: Any) -> None:
        self.actors[trial_id] = actor
        self.last_heard[trial_id] = time.monotonic()
        self.dispatcher.started(trial_id, *self.location_of(actor))
        self.on_change(trial_id, "started")

    def forget(self, trial_id: str) -> bool:
        """The attempt is over; whether it was running."""
        self.actors.pop(trial_id, None)
        running = trial_id in self.dispatcher.running
        if running and self.last_heard.pop(trial_id, None) is None:
            self.dispatcher.started(trial_id)  # its worker died before it was ready
        return running

    def _status(self, trial_id: str, result: dict) -> TrialStatus:
        known = self.dispatcher.history[trial_id]
        config = self.dispatcher.running[trial_id].trial.config
        if result.get("diverged"):
            return TrialStatus.DIVERGED
        if known.epoch >= config.epochs:
            return TrialStatus.FINISHED
        asked_to_stop = result.get("interrupted") or self.dispatcher.halted
        return TrialStatus.INTERRUPTED if asked_to_stop else TrialStatus.STOPPED

    def _failure(self, trial_id: str, trial: Any) -> Failure:
        if trial_id in self.killed:
            self.killed.discard(trial_id)
            return Failure("timeout", "no result within the time that ten of its epochs take")
        error = _pickled_error(trial)
        return classify(error) if error else classify_text(_written_error(trial))


def _pickled_error(trial: Any) -> BaseException | None:
    """What the worker raised. Ray looks for it in the storage, where it was not copied yet."""
    try:
        error = ray.cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
    except Exception:  # whatever unpickling a stranger's exception may raise
        return None
    return error if isinstance(error, BaseException) else None


def _written_error(trial: Any) -> str:
    """What Ray wrote down of an error of its own, or of a callback."""
    try:
        return Path(trial.error_file).read_text()
    except (OSError, TypeError):
        return "no reason given"
