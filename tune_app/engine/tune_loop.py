"""The search itself: chunk after chunk through Ray until nothing of the plan is missing."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.tune.schedulers import TrialScheduler

from analysis.record.record import Ended, SearchRow
from tune_app.command.errors import RayLostError
from tune_app.deciding.failures import LOST, Failure, classify
from tune_app.deciding.horizon import horizon
from tune_app.deciding.schedulers import SCHEDULERS, ContentScheduler, size_bin
from tune_app.engine.ledger_callback import Recorder
from tune_app.engine.search_adapter import WorkerSettings
from tune_app.engine.tuner_fit import run_chunk
from tune_app.engine.workload import Workload
from tune_app.machine.placement import Placement
from tune_app.nodes.cluster import stop
from tune_app.nodes.liveness import check_alive
from tune_app.planning.plan import Plan
from tune_app.record.ledger import DiskFullError
from tune_app.record.paths import StudyPaths
from tune_app.session.session import Session

MOST_BREAKS = 3
"""Times in a row that Ray may break without an epoch in between."""


class Search:
    """Runs a plan's missing trials; ``replay`` first brings the scheduler up to the record."""

    def __init__(
        self,
        session: Session,
        plan: Plan,
        placement: Placement,
        workload: Workload,
        setting: Any,
        paths: StudyPaths,
    ) -> None:
        self.session, self.placement, self.workload = session, placement, workload
        self.setting, self.paths, self.plan = setting, paths, plan
        self.dispatcher = session.dispatcher
        self.scheduler = self._scheduler()
        self._suspicious = False
        self.recorder = session.recorder = Recorder(
            session.dispatcher,
            on_epoch=session.on_epoch,
            on_change=self._on_change,
            on_tick=self._on_tick,
            place_of=self._place_of,
        )
        session.kill = ray.kill

    def replay(self, rows: Sequence[SearchRow]) -> None:
        """Tells the scheduler what is on record; a trial it stops at its last epoch is stopped."""
        decisions = self.scheduler.replay(rows)
        for trial_id, decision in decisions.items():
            trial = self.dispatcher.history[trial_id]
            if decision == TrialScheduler.STOP and trial.ended is None:
                now = self.dispatcher.clock()
                self.dispatcher.write(Ended(trial_id, trial.attempt, now, "stopped", trial.epoch))

    def run(self, restart: Callable[[], Workload]) -> None:
        """Until the plan is done, or the session is told to stop.

        ``restart`` starts Ray anew after it broke, and puts the data there again.
        """
        breaks = 0
        while (step := self.dispatcher.next_step()) is not None:
            before = self.session.progress.epochs_here
            try:
                self._chunk(step)
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

    def _chunk(self, step: int) -> None:
        run_chunk(
            self.session,
            self.workload,
            self.scheduler,
            self._settings(step),
            share=self.placement.share(step),
            slots=self.placement.slots(step),
            step=step,
            limit=self.setting.chunk,
            recorder=self.recorder,
        )

    def _settings(self, step: int) -> WorkerSettings:
        return WorkerSettings(
            storage=self.session.storage,
            threads=self.placement.threads(step),
            checkpoint_seconds=self.setting.checkpoint_seconds,
            device_fraction=self.placement.share(step).gpus,
            worker_log=str(self.paths.logs),
            epoch_deadline_seconds=3 * self.session.watchdog.patience.first,
        )

    def _sweep(self) -> None:
        """Trials that Ray let go of without a word."""
        for trial_id in list(self.dispatcher.running):
            self.recorder.forget(trial_id)
            if self.dispatcher.halted:
                self.dispatcher.ended(trial_id, "interrupted")
                self.session.on_change(trial_id, "interrupted")
            else:
                self._lost(trial_id, Failure("lost_worker", "Ray ended without this trial"))

    def _lost(self, trial_id: str, failure: Failure) -> None:
        retry = self.dispatcher.failed(trial_id, failure)
        self.session.on_change(trial_id, "retry" if retry else "failed")

    def _recover(
        self, problem: Exception, restart: Callable[[], Workload], *, give_up: bool
    ) -> None:
        """Ray broke: its trials are lost and will be tried again, on a new Ray where it is ours."""
        failure = Failure("lost_node", classify(_first_cause(problem)).error)
        self.session.progress.say(f"Ray broke: {failure.summary}")
        for trial_id in list(self.dispatcher.running):
            self.recorder.forget(trial_id)
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

        return ContentScheduler(lambda: make(ahead), size_bin=group)

    def _place_of(self, actor: Any) -> tuple[str, str]:
        device = "gpu" if self.placement.share(0).gpus else "cpu"
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
