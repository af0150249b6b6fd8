"""The search itself: chunk after chunk through Ray until nothing of the plan is missing."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.tune.schedulers import TrialScheduler

from analysis.record.record import Ended, SearchRow
from analysis.record.status import TrialStatus
from search_spaces.grammar.seeds import is_choosing
from tune_app.command.errors import RayLostError
from tune_app.deciding.failures import Failure, classify
from tune_app.deciding.horizon import horizon
from tune_app.deciding.schedulers import SCHEDULERS, ContentScheduler, size_bin
from tune_app.engine.ledger_callback import LedgerCallback
from tune_app.engine.search_adapter import WorkerSettings
from tune_app.engine.tuner_fit import fit_tuner
from tune_app.engine.workload import Workload
from tune_app.machine.placement import Placement
from tune_app.nodes.cluster import stop
from tune_app.nodes.liveness import check_alive
from tune_app.planning.plan import Plan
from tune_app.record.history import LOST
from tune_app.record.ledger import DiskFullError
from tune_app.record.paths import StudyPaths
from tune_app.session.session import Session

MOST_BREAKS = 3
"""Times in a row that Ray may break without an epoch in between."""


class TuneLoop:
    """Runs a plan's missing trials; ``replay`` first brings the scheduler up to the record."""

    def __init__(
        self,
        session: Session,
        plan: Plan,
        placement: Placement,
        workload: Workload,
        config: Any,
        paths: StudyPaths,
    ) -> None:
        self.session, self.placement, self.workload = session, placement, workload
        self.config, self.paths, self.plan = config, paths, plan
        self.dispatcher = session.dispatcher
        self.scheduler = self._scheduler()
        self._suspicious = False
        self.callback = session.callback = LedgerCallback(
            session.dispatcher,
            on_epoch=session.on_epoch,
            on_change=self._on_change,
            on_tick=self._on_tick,
            location_of=self._location_of,
        )
        session.kill = ray.kill

    def replay(self, rows: Sequence[SearchRow]) -> None:
        """Tells the scheduler what is on record; a trial it stops at its last epoch is stopped."""
        decisions = self.scheduler.replay(rows)
        for trial_id, decision in decisions.items():
            trial = self.dispatcher.history[trial_id]
            if decision == TrialScheduler.STOP and trial.ended is None:
                now = self.dispatcher.clock()
                self.dispatcher.write(
                    Ended(trial_id, trial.attempt, now, TrialStatus.STOPPED, trial.epoch)
                )

    def run(self, restart: Callable[[], Workload]) -> None:
        """Until the plan is done, or the session is told to stop.

        ``restart`` starts Ray anew after it broke, and puts the data there again.
        """
        breaks = 0
        while (tier := self.dispatcher.next_tier()) is not None:
            before = self.session.progress.epochs_here
            try:
                self._chunk(tier)
                self._sweep()
            except DiskFullError as problem:
                self.session.stop(str(problem))
            except Exception as problem:
                breaks = 1 if self.session.progress.epochs_here > before else breaks + 1
                self._recover(problem, restart, give_up=breaks > MOST_BREAKS)
        self._sweep()

    def _on_change(self, trial_id: str, what: str) -> None:
        self.session.on_change(trial_id, what)
        ended = self.dispatcher.history[trial_id].ended
        self._suspicious = bool(what == "retry" and ended and ended.kind in LOST)

    def _on_tick(self) -> None:
        """Where the last node is gone, Ray would go on failing trials until none is left."""
        self.session.tick()
        suspicious, self._suspicious = self._suspicious, False
        try:
            check_alive(ask=suspicious)
        except RayLostError:
            stop()  # Tune's clean-up would wait for the dead until Ray aborts the process
            raise

    def _chunk(self, tier: int) -> None:
        fit_tuner(
            self.session,
            self.workload,
            self.scheduler,
            self._settings(tier),
            resources=self.placement.resources(tier),
            slots=self.placement.slots(tier),
            tier=tier,
            limit=self.config.attempts_per_fit,
            callback=self.callback,
        )

    def _settings(self, tier: int) -> WorkerSettings:
        return WorkerSettings(
            storage=self.session.storage,
            threads=self.placement.threads(tier),
            checkpoint_seconds=self.config.checkpoint_seconds,
            device_fraction=self.placement.resources(tier).gpus,
            worker_log=str(self.paths.logs),
            epoch_deadline_seconds=3 * self.session.watchdog.timeouts.first,
        )

    def _sweep(self) -> None:
        """Trials that Ray let go of without a word."""
        for trial_id in list(self.dispatcher.running):
            self.callback.forget(trial_id)
            if self.dispatcher.halted:
                self.dispatcher.ended(trial_id, TrialStatus.INTERRUPTED)
                self.session.on_change(trial_id, TrialStatus.INTERRUPTED)
            else:
                self._lost(trial_id, Failure("lost_worker", "Ray ended without this trial"))

    def _lost(self, trial_id: str, failure: Failure) -> None:
        retry = self.dispatcher.failed(trial_id, failure)
        self.session.on_change(trial_id, "retry" if retry else TrialStatus.FAILED)

    def _recover(
        self, problem: Exception, restart: Callable[[], Workload], *, give_up: bool
    ) -> None:
        """Ray broke: its trials are lost and will be tried again, on a new Ray where it is ours."""
        failure = Failure("lost_node", classify(_first_cause(problem)).error)
        self.session.progress.say(f"Ray broke: {failure.summary}")
        for trial_id in list(self.dispatcher.running):
            self.callback.forget(trial_id)
            self._lost(trial_id, failure)
        if give_up:
            self.dispatcher.halt(f"Ray broke {MOST_BREAKS + 1} times in a row: {failure.summary}")
        elif not self.dispatcher.halted and not _answers():
            try:
                self.workload = restart()
            except RayLostError as lost:
                self.dispatcher.halt(str(lost))

    def _scheduler(self) -> ContentScheduler:
        make, ahead = SCHEDULERS[self.plan.scheduler], horizon(self.plan)
        by_size = len(self.session.objectives) > 1

        def group(trial_id: str) -> int | None:
            planned = self.dispatcher.history[trial_id].planned
            return size_bin(planned.parameters) if by_size and planned else None

        def estimates(trial_id: str) -> bool:
            planned = self.dispatcher.history[trial_id].planned
            return planned is not None and not is_choosing(planned.config["seed"])

        return ContentScheduler(lambda: make(ahead), size_bin=group, spares=estimates)

    def _location_of(self, actor: Any) -> tuple[str, str]:
        device = "gpu" if self.placement.resources(0).gpus else "cpu"
        if len(self.placement.nodes) == 1:
            return socket.gethostname(), device
        return _host_of(actor), device


def _host_of(actor: Any) -> str:
    """The node that an actor runs on, by Ray's control store; "" where it does not say."""
    try:
        about = ray._private.state.actors(actor._actor_id.hex())
        return str(about["Address"]["IPAddress"])
    except Exception:
        return ""


def _first_cause(problem: BaseException) -> BaseException:
    """What was found out about Ray, rather than what Tune's clean-up then stumbled over."""
    cause: BaseException | None = problem
    while cause is not None and not isinstance(cause, RayLostError):
        cause = cause.__context__
    return cause or problem


def _answers() -> bool:
    try:
        check_alive()
    except RayLostError:
        return False
    return True
