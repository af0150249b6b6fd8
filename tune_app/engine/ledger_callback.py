"""What Ray reports, put on record: every epoch, every end, every failure."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import ray
from ray import tune

from analysis.record.rows import Epoch
from analysis.record.status import TrialStatus
from tune_app.deciding.dispatcher import Dispatcher
from tune_app.deciding.failures import Failure, classify, classify_text
from tune_app.deciding.pickles_empty import PicklesEmpty
from tune_app.planning.rows import epoch_row


class SearchListener(Protocol):
    """Is told what was added to the record, and is called between Ray's events."""

    def on_tick(self) -> None:
        """Several times a second."""

    def on_start(self, trial_id: str) -> None:
        """An attempt took a slot."""

    def on_epoch(self, row: Epoch) -> None:
        """An epoch was finished."""

    def on_storage(self, trial_id: str, away_seconds: float, problem: str, *, waits: bool) -> None:
        """A trial reports how long its storage has refused it; ``waits``: it does nothing else."""

    def on_end(self, trial_id: str) -> None:
        """An attempt ended; the dispatcher's history says how."""

    def on_failure(self, trial_id: str, node: str) -> None:
        """And it failed, on the node of this id; "" where that is not known."""


class LedgerCallback(PicklesEmpty, tune.Callback):
    """Translates Ray's events into the dispatcher's.

    ``place_of`` tells an actor's host, device and node id; ``node_of`` holds the last, by trial.
    ``host_of`` tells the host that an error of Ray's speaks of.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        listener: SearchListener,
        *,
        place_of: Callable[[Any], tuple[str, str, str]] = lambda actor: ("", "", ""),
        host_of: Callable[[str], str] = lambda error: "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.dispatcher, self.listener = dispatcher, listener
        self.clock, self.place_of, self.host_of = clock, place_of, host_of
        self.node_of: dict[str, str] = {}
        self._actors: dict[str, Any] = {}
        self._heard: set[str] = set()  # trials whose attempt has started
        self._timed_out: set[str] = set()

    def on_step_end(self, iteration: int, trials: list, **info: Any) -> None:
        self.listener.on_tick()

    def on_trial_start(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        trial_id = trial.config["trial_id"]
        if trial_id in self.dispatcher.running:
            self._start(trial_id, trial)

    def on_trial_result(
        self, iteration: int, trials: list, trial: Any, result: dict, **info: Any
    ) -> None:
        trial_id = trial.config["trial_id"]
        self._heard.add(trial_id)
        attempt = trial.config["attempt"]
        now = self.clock()
        reports = result.get("epochs", [result])
        rows = [epoch_row(report, trial_id, attempt, now) for report in reports]
        for row in self.dispatcher.epochs(rows):
            self.listener.on_epoch(row)
        away = result.get("storage_away_seconds", 0.0)
        problem = result.get("storage_problem", "")
        self.listener.on_storage(trial_id, away, problem, waits=not reports)

    def on_trial_complete(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        trial_id = trial.config["trial_id"]
        if self.forget(trial_id):
            last = trial.last_result or {}
            self.dispatcher.ended(trial_id, self._status(trial_id, last), last.get("code", ""))
            self.listener.on_end(trial_id)

    def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        trial_id = trial.config["trial_id"]
        node = self.node_of.get(trial_id, "")
        if trial_id in self.dispatcher.running:
            failure = self._failure(trial_id, trial)
            self.forget(trial_id, failure)
            self.dispatcher.failed(trial_id, failure)
            self.listener.on_end(trial_id)
            self.listener.on_failure(trial_id, node)

    def end_worker(self, trial_id: str) -> bool:
        """Kills the worker of a trial that hangs; whether there was one to kill."""
        if trial_id not in self._actors or trial_id in self._timed_out:
            return False
        self._timed_out.add(trial_id)
        ray.kill(self._actors[trial_id])
        return True

    def forget(self, trial_id: str, failure: Failure | None = None) -> bool:
        """The attempt is over, by ``failure`` where there was one; whether it was running."""
        self._actors.pop(trial_id, None)
        self.node_of.pop(trial_id, None)
        running = trial_id in self.dispatcher.running
        if running and trial_id not in self._heard:
            host = self.host_of(failure.error) if failure else ""
            self.dispatcher.started(trial_id, host)  # its worker died before it was ready
        self._heard.discard(trial_id)
        return running

    def _start(self, trial_id: str, trial: Any) -> None:
        self._actors[trial_id] = actor = trial.temporary_state.ray_actor
        self._heard.add(trial_id)
        host, device, self.node_of[trial_id] = self.place_of(actor)
        self.dispatcher.started(trial_id, host, device, threads=trial.config["threads"])
        self.listener.on_start(trial_id)

    def _status(self, trial_id: str, result: dict) -> TrialStatus:
        history = self.dispatcher.history[trial_id]
        config = self.dispatcher.running[trial_id].trial.config
        if result.get("diverged"):
            return TrialStatus.DIVERGED
        if history.epoch >= config.epochs:
            return TrialStatus.FINISHED
        asked_to_stop = result.get("interrupted") or self.dispatcher.halted
        return TrialStatus.INTERRUPTED if asked_to_stop else TrialStatus.STOPPED

    def _failure(self, trial_id: str, trial: Any) -> Failure:
        if trial_id in self._timed_out:
            self._timed_out.discard(trial_id)
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
