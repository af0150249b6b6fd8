"""One driver's session on a study: what happens between Ray's events."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from analysis.record.rows import Ended, Epoch, Planned
from search_spaces.grammar.key import Key
from trainables.compiled.switch import TORCH, is_torch_alone
from trainables.files.storage import is_uri, named_place
from trainables.training.checkpoints.time_limit import NoAnswerError
from trainables.training.job import LEAVE_FILE, STOP_FILE
from tune_app.command.output import LOG
from tune_app.deciding.dispatcher import Dispatcher
from tune_app.record.ledger import Ledger
from tune_app.record.record_copy import RecordCopy
from tune_app.record.storage import StorageFolder, plain_reason
from tune_app.session.disk_space import DiskSpace
from tune_app.session.progress_display import ProgressDisplay
from tune_app.session.signal_handler import GRACE_SECONDS, SignalHandler
from tune_app.session.storage_outage import TOLD_AFTER_SECONDS, StorageOutage
from tune_app.session.watchdog import Watchdog

POLL_SECONDS = 0.5
AWAY_SECONDS = 2.0
"""Between two tries at a storage that is away as the search begins."""


class TrialLog(Protocol):
    """What TensorBoard's writer offers."""

    def trial(self, planned: Planned, searched_keys: Mapping[str, Key]) -> None: ...
    def epoch(self, row: Epoch) -> None: ...
    def ended(self, row: Ended) -> None: ...
    def close(self) -> None: ...


@dataclass
class Session:
    """Everything that one run of the command holds, and the rules for stopping it.

    ``storage`` takes checkpoints, ``copy`` brings the record there. ``lost_event`` is set when
    another driver took the study over. ``ends_at`` is when the time budget, ``budget`` in words, is
    used up (monotonic seconds), and ``polled_at`` when ``tick`` last looked around (0.0: never).
    ``abandoned`` says why the process is to end without Ray; "" while it is not.
    """

    ledger: Ledger
    dispatcher: Dispatcher
    disk: DiskSpace
    progress: ProgressDisplay
    signals: SignalHandler
    watchdog: Watchdog
    storage: str
    lost_event: threading.Event
    copy: RecordCopy | None = None
    trial_log: TrialLog | None = None
    searched_keys: Mapping[str, Key] = field(default_factory=dict)
    ends_at: float = float("inf")
    budget: str = ""
    polled_at: float = 0.0
    abandoned: str = ""
    _stopping: bool = False
    _held_until: float = 0.0

    def __post_init__(self) -> None:
        self._outage = StorageOutage(self.storage)
        self._asked_to_leave: set[str] = set()
        self._told_hosts: set[str] = set()

    # Between events.

    def tick(self) -> None:
        """Called several times a second while Ray runs."""
        self.progress.tick()
        now = time.monotonic()
        if self.signals.signal:
            self.stop(f"interrupted by {signal.Signals(self.signals.signal).name}")
        if now - self.polled_at < POLL_SECONDS:
            return
        self.polled_at = now
        self.ledger.sync_if_due()
        self._hear_record()
        if now > self.ends_at:
            self.stop(f"the time budget of {self.budget} is used up")
        if self.lost_event.is_set():
            self.stop("another driver took the study over, or its folder was moved away")
        if self.watchdog.stands_still():
            self.stop("no trial made progress for too long")
        if self.dispatcher.halted:
            self.stop(self.dispatcher.halted)

    def may_start(self) -> bool:
        """Whether another trial may start now."""
        self.tick()
        return time.monotonic() >= self._held_until and self.disk.has_room()

    def hold(self, seconds: float) -> None:
        """Starts no trial for so long."""
        self._held_until = time.monotonic() + seconds

    # Stopping.

    def stop(self, reason: str) -> None:
        """Asks every trial to save and end; what still runs after a while is ended."""
        if self._stopping:
            return
        self._stopping = True
        self.dispatcher.halt(reason)
        self.signals.stop_in(GRACE_SECONDS)
        LOG.info("stopping: %s", reason)
        if self.lost_event.is_set():  # a file would stop the other driver's trials
            self.signals.stop_in(0.0)
        else:
            self._ask_to_save(reason, STOP_FILE)

    def abandon(self, reason: str) -> NoReturn:
        """Ray cannot even be ended any more: the shutdown watchdog closes the record without it."""
        self.abandoned = reason
        while True:
            time.sleep(1.0)

    def leave(self, host: str, trial_ids: Iterable[str]) -> None:
        """Asks the trials on a host that is about to be taken away to save and make way, once."""
        running = self.dispatcher.running
        trials_there = {
            f"{name}/{LEAVE_FILE}-a{running[name].number}" for name in trial_ids if name in running
        }
        fresh = sorted(trials_there - self._asked_to_leave)
        if fresh:
            self._asked_to_leave |= trials_there
            trials = "1 trial saves" if len(fresh) == 1 else f"{len(fresh)} trials save"
            LOG.info("host %s is about to be taken away: its %s now", host, trials)
            self._ask_to_save(f"{host} is being taken away", *fresh)

    def _ask_to_save(self, reason: str, *files: str) -> None:
        """Writes the files that ask for it."""

        def ask() -> None:
            try:
                folder = StorageFolder(self.storage)
                for name in files:
                    folder.write(name, reason.encode())
            except OSError as problem:
                LOG.info("cannot ask the trials to save: %s", problem)

        # one that hangs must hold up neither the search nor its end
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(0.0 if is_uri(self.storage) else 1.0)

    @property
    def out_of_time(self) -> bool:
        """Whether what still runs is to be ended now."""
        return time.monotonic() > self.signals.deadline

    def clear_stop(self) -> None:
        """Withdraws the request to stop, before a search begins: trials that saw it would end.

        A storage that is away is waited for, until a signal or the time budget ends that. A folder
        on a disk that refuses will not come back by itself: the search is halted.
        """
        logged = False
        while not self.signals.signal:
            try:
                with contextlib.suppress(FileNotFoundError):
                    StorageFolder(self.storage).remove(STOP_FILE)
                return
            except OSError as problem:
                if not is_uri(self.storage) and not isinstance(problem, NoAnswerError):
                    self.dispatcher.halt(
                        f"{self.storage}/{STOP_FILE} would end every trial, and cannot be removed "
                        f"({problem.strerror}): remove it"
                    )
                    return
                if not logged:
                    reason = plain_reason(str(problem))
                    LOG.info("waiting for the storage %s: %s", named_place(self.storage), reason)
                logged = True
                if time.monotonic() > self.ends_at:
                    return
                time.sleep(AWAY_SECONDS)

    def storage_at_the_end(self) -> None:
        """The search is over: an outage of which trials told ends with the record's."""
        if self.copy is not None:
            self.copy.settle(TOLD_AFTER_SECONDS)
            self._hear_record()

    def _hear_record(self) -> None:
        if self.copy is not None:
            self._outage.heard("the record", self.copy.away_seconds, self.copy.problem)

    def on_storage(self, trial_id: str, away_seconds: float, problem: str, *, waits: bool) -> None:
        """A trial reports how long its storage has refused it; ``waits``: it does nothing else."""
        self._outage.heard(trial_id, away_seconds, problem)
        if waits:
            self.watchdog.waits(trial_id)

    # What happened to a trial; the record has it already.

    def on_start(self, trial_id: str) -> None:
        """An attempt took a slot."""
        self.watchdog.started(trial_id)
        planned = self.dispatcher.history[trial_id].planned
        if planned is not None:
            keys = self.searched_keys
            self._log(lambda log: log.trial(planned, keys))
        self.progress.on_start(trial_id)

    def on_epoch(self, row: Epoch) -> None:
        """An epoch was finished."""
        self.watchdog.epoch(row.trial_id)
        self.progress.on_epoch(row)
        self._log(lambda log: log.epoch(row))

    def on_end(self, trial_id: str) -> None:
        """An attempt ended, whether another follows or not."""
        self.watchdog.ended(trial_id)
        self._outage.forget(trial_id)
        ended = self.dispatcher.history[trial_id].ended
        if ended is not None:
            self._log(lambda log: log.ended(ended))
            self._tell_code(ended)
        self.progress.on_end(trial_id)

    def _tell_code(self, ended: Ended) -> None:
        """Tells once for each host that no kernels in C train there, unless that was asked for."""
        trial = self.dispatcher.history[ended.trial_id]
        by_torch = ended.code == TORCH and trial.threads == 1 and not is_torch_alone()
        if by_torch and trial.host not in self._told_hosts:
            self._told_hosts.add(trial.host)
            LOG.info(
                "torch's own kernels train on %s, which take longer and round differently from "
                "the compiled ones; the logs of its trials say why",
                trial.host,
            )

    def _log(self, act: Callable[[TrialLog], None]) -> None:
        """Writes to TensorBoard's files, a copy of the record; an error there is logged once."""
        if self.trial_log is None:
            return
        try:
            act(self.trial_log)
        except Exception as problem:
            self.trial_log = None
            LOG.info("TensorBoard files are no longer written: %r", problem)
