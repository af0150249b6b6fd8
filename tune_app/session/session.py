"""One driver's work on a study: what happens between Ray's events."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import humanize

from analysis.record.record import AnyRow, Ended, Epoch, Planned
from tune_app.deciding.dispatcher import Dispatcher
from tune_app.record.ledger import Ledger
from tune_app.record.storage import STOP_FILE, free_bytes, remove_file, write_file
from tune_app.session.progress import Progress, duration
from tune_app.session.signal_handler import GRACE_SECONDS, SignalHandler
from tune_app.session.watchdog import Watchdog

FULL_DISK_SECONDS = 600.0
"""A search with no room on its disk waits this long before it gives up."""


class TrialLog(Protocol):
    """What TensorBoard's writer offers."""

    def trial(self, planned: Planned, searched_keys: Any) -> None: ...
    def epoch(self, row: Epoch) -> None: ...
    def ended(self, row: Ended) -> None: ...
    def close(self) -> None: ...


class Workers(Protocol):
    """Who trains which trial now, and which of them were ended for being silent."""

    actors: dict[str, Any]
    killed: set[str]


@dataclass
class Session:
    """Everything that one run of the command holds, and the rules for stopping it.

    ``storage`` takes checkpoints; ``room_bytes`` must be free there before a trial starts.
    ``lost`` is set when another driver took the study over.
    """

    ledger: Ledger
    dispatcher: Dispatcher
    progress: Progress
    signals: SignalHandler
    watchdog: Watchdog
    storage: str
    lost: threading.Event
    trial_log: TrialLog | None = None
    searched_keys: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ("val_accuracy",)
    room_bytes: int = 0
    ends_at: float = float("inf")  # of the time budget, monotonic
    budget: str = ""
    _full_since: float | None = None
    looked: float = 0.0
    _stopping: bool = False
    callback: Workers | None = None
    kill: Callable[[Any], None] = lambda actor: None

    # Between events.

    def tick(self) -> None:
        """Called several times a second while Ray runs."""
        self.progress.tick()
        now = time.monotonic()
        if self.signals.signal:
            self.stop(f"interrupted by {signal.Signals(self.signals.signal).name}")
        if now - self.looked < 0.5:
            return
        self.looked = now
        self.ledger.sync_if_due()
        if now > self.ends_at:
            self.stop(f"the time budget of {self.budget} is used up")
        if self.lost.is_set():
            self.stop("another driver took the study over")
        if self.dispatcher.halted:
            self.stop(self.dispatcher.halted)
        self._look_for_hangs()

    def may_start(self) -> bool:
        """Whether the disk has room for another trial; waits by saying no, at most ten minutes."""
        self.tick()
        free = free_bytes(self.storage)
        if free is None or free >= self.room_bytes:
            if self._full_since is not None:
                self.progress.say("there is room on the disk again: going on")
            self._full_since = None
            return True
        self._wait_for_room(self.room_bytes, free)
        return False

    def wait_for_space(self, needed_bytes: int) -> bool:
        """The ledger's question while its disk is full: blocks a second; False gives up."""
        self._wait_for_room(needed_bytes, 0)
        time.sleep(1.0)
        return not self._stopping

    def _wait_for_room(self, needed: int, free: int) -> None:
        if self._full_since is None:
            self._full_since = time.monotonic()
            need, have = humanize.naturalsize(needed), humanize.naturalsize(free)
            self.progress.say(
                f"the disk is full: {need} are needed in {self.storage}, {have} are free; "
                f"waiting {duration(FULL_DISK_SECONDS)} for room"
            )
        elif time.monotonic() - self._full_since > FULL_DISK_SECONDS:
            self.stop(f"the disk stayed full for {duration(FULL_DISK_SECONDS)}")

    def _look_for_hangs(self) -> None:
        callback = self.callback
        if callback is None:
            return
        for trial_id in self.watchdog.hanging():
            if trial_id in callback.actors and trial_id not in callback.killed:
                self.progress.say(f"{trial_id} is silent for too long: its worker is ended")
                callback.killed.add(trial_id)
                self.kill(callback.actors[trial_id])
        if self.watchdog.stands_still():
            self.stop("nothing moved for too long")

    # Stopping.

    def stop(self, reason: str) -> None:
        """Asks every trial to save and end; what still runs after a while is ended."""
        if self._stopping:
            return
        self._stopping = True
        self.dispatcher.halt(reason)
        self.signals.stop_in(GRACE_SECONDS)
        self.progress.say(f"stopping: {reason}")
        try:
            write_file(self.storage, STOP_FILE, reason)
        except OSError as problem:
            self.progress.say(f"cannot ask the trials to save: {problem}")

    @property
    def out_of_time(self) -> bool:
        """Whether what still runs is to be ended now."""
        return time.monotonic() > self.signals.deadline

    def clear_stop(self) -> None:
        """Takes the request to stop back, before a search begins."""
        with contextlib.suppress(OSError):
            remove_file(self.storage, STOP_FILE)

    # Rows.

    def on_epoch(self, row: Epoch) -> None:
        """An epoch is new on record."""
        self.watchdog.epoch(row.trial_id)
        self.progress.epoch(row)
        self._log(lambda log: log.epoch(row))

    def on_change(self, trial_id: str, what: str) -> None:
        """A trial started or ended."""
        if what == "started":
            self.watchdog.started(trial_id)
            self._announce(trial_id)
        else:
            self.watchdog.ended(trial_id)
            ended = self.dispatcher.history[trial_id].ended
            if ended is not None:
                self._log(lambda log: log.ended(ended))
        self.progress.change(trial_id, what)

    def write(self, *rows: AnyRow) -> None:
        """The dispatcher's way to the ledger."""
        self.ledger.append(*rows)

    def _announce(self, trial_id: str) -> None:
        planned = self.dispatcher.history[trial_id].planned
        if planned is not None:
            keys = self.searched_keys
            self._log(lambda log: log.trial(planned, keys))

    def _log(self, act: Callable[[TrialLog], None]) -> None:
        """TensorBoard is a copy of the record: a fault there stops nothing, and is told once."""
        if self.trial_log is None:
            return
        try:
            act(self.trial_log)
        except Exception as problem:
            self.trial_log = None
            self.progress.say(f"TensorBoard files are no longer written: {problem!r}")
