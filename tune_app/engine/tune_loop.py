"""The search itself: one ``Tuner.fit()`` after the other until nothing of the plan is missing."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from ray.tune.schedulers import TrialScheduler

from analysis.record.rows import Ended, Epoch
from analysis.record.status import TrialStatus
from search_spaces.grammar.seeds import is_choosing
from tune_app.command.errors import HeadLostError, RayLostError
from tune_app.command.lazy_import import import_named
from tune_app.command.output import LOG
from tune_app.command.schedulers import SCHEDULERS
from tune_app.deciding.content_scheduler import ContentScheduler, SchedulerError, size_bin
from tune_app.deciding.failures import Failure, classify
from tune_app.engine.ledger_callback import LedgerCallback
from tune_app.engine.open_study import OpenStudy
from tune_app.engine.runner_config import RunnerConfig
from tune_app.engine.search_adapter import WorkerSettings
from tune_app.engine.tuner_fit import fit_tuner
from tune_app.engine.workload import Workload
from tune_app.nodes.cluster import stop
from tune_app.nodes.drain_watch import DrainWatch
from tune_app.nodes.liveness import check_alive
from tune_app.nodes.ray_internals import host_of_error, place_of_actor
from tune_app.nodes.refused_nodes import refuse, refuse_unless_last, refused_ids
from tune_app.nodes.slot_count import SlotCount
from tune_app.nodes.worker_logs import WorkerLogs
from tune_app.record.history import LOST, WAITED_FOR
from tune_app.record.ledger import LedgerError
from tune_app.session.session import Session

MOST_BREAKS = 3
"""Times in a row that Ray may break without an epoch in between."""


LOW_MEMORY_SECONDS = 15.0
"""Pause after Ray ended a worker on a host low on memory: it may soon have more."""


class TuneLoop:
    """Runs a study's missing trials; ``replay`` first brings the scheduler up to date."""

    def __init__(self, study: OpenStudy, session: Session, config: RunnerConfig) -> None:
        self.study, self.session, self.config = study, session, config
        self.dispatcher, self.workload = session.dispatcher, study.workload
        self.scheduler = self._scheduler()
        self.callback = LedgerCallback(
            self.dispatcher, self, place_of=self._place_of, host_of=host_of_error
        )
        self._suspicious = False  # a worker was lost: Ray itself may be
        self._draining = DrainWatch()
        self._logs = WorkerLogs(study.paths.logs)

    def replay(self) -> None:
        """Tells the scheduler what is on record; a trial it stops at its last epoch is stopped."""
        decisions = self.scheduler.replay(self.study.rows)
        for trial_id, decision in decisions.items():
            trial = self.dispatcher.history[trial_id]
            if decision == TrialScheduler.STOP and trial.ended is None:
                now = self.dispatcher.clock()
                stopped = Ended(trial_id, trial.attempt, now, TrialStatus.STOPPED, trial.epoch)
                self.dispatcher.write(stopped)

    def run(self, restart: Callable[[], Workload]) -> None:
        """Until the plan is done, or the session is told to stop.

        ``restart`` starts Ray anew after it broke, and puts the data there again.
        """
        breaks = 0
        while (tier := self.dispatcher.next_tier()) is not None:
            before = self.session.progress.epochs_here
            try:
                self._fit(tier)
                self.reap_lost_trials()
            except SchedulerError as problem:
                self.session.stop(str(problem))
            except Exception as problem:
                if self.study.ledger.failure:  # Tune wraps what its callbacks raise
                    raise LedgerError(self.study.ledger.failure) from problem
                breaks = 1 if self.session.progress.epochs_here > before else breaks + 1
                self._recover(problem, restart, give_up=breaks > MOST_BREAKS)
        self.reap_lost_trials()

    # What the callback reports.

    def on_tick(self) -> None:
        """After each step of Tune's loop: looks after the session, the workers, Ray and its nodes.

        Raises:
            RayLostError: where Ray has ended; Tune would fail every trial that is left.
        """
        self.session.tick()
        self._end_hanging_workers()
        suspicious, self._suspicious = self._suspicious, False
        try:
            check_alive(ask=suspicious)
        except HeadLostError as problem:
            self.session.abandon(str(problem))
        except RayLostError:
            stop()  # Tune's clean-up would wait for dead actors until Ray aborts the process
            raise
        for node, host in self._draining().items():
            trials_there = [
                trial for trial, trial_node in self.callback.node_of.items() if trial_node == node
            ]
            self.session.leave(host, trials_there)

    def on_start(self, trial_id: str) -> None:
        """An attempt took a slot."""
        self.session.on_start(trial_id)

    def on_epoch(self, row: Epoch) -> None:
        """An epoch was finished."""
        self.session.on_epoch(row)

    def on_storage(self, trial_id: str, away_seconds: float, problem: str, *, waits: bool) -> None:
        """A trial reports how long its storage has refused it."""
        self.session.on_storage(trial_id, away_seconds, problem, waits=waits)

    def on_end(self, trial_id: str) -> None:
        """An attempt ended."""
        self.session.on_end(trial_id)
        ended = self.dispatcher.history[trial_id].ended
        self._suspicious = bool(ended and ended.retry and ended.kind in LOST)

    def on_failure(self, trial_id: str, node: str) -> None:
        """An attempt failed: what its worker wrote last may say why."""
        trial = self.dispatcher.history[trial_id]
        kind = trial.ended.kind if trial.ended else None
        if kind == "unfit_node":
            refuse(trial.host)
        if kind == "low_memory":
            self.session.hold(LOW_MEMORY_SECONDS)
        if trial.host in self.dispatcher.deadly_hosts:
            self.dispatcher.deadly_hosts.remove(trial.host)
            self._leave_out(trial.host)
        if trial.ended and kind not in (*WAITED_FOR, "unfit_node", "lost_node"):
            self._logs.fetch(trial_id, trial.host, node)

    def _leave_out(self, host: str) -> None:
        """No more trials on a host that ends its workers, where there is another for them."""
        if self.study.placement.is_joined and refuse_unless_last(
            host, self.study.placement.resources(0)
        ):
            LOG.info(
                "no more trials are placed on the host %s, where one worker after the other ended "
                "without finishing an epoch: look for what ends them (memory?), and start Ray "
                "there again",
                host,
            )

    def _end_hanging_workers(self) -> None:
        for trial_id in self.session.watchdog.hanging():
            if self.callback.end_worker(trial_id):
                LOG.info("%s has reported nothing for too long: its worker is ended", trial_id)

    # One fit after the other.

    def _fit(self, tier: int) -> None:
        placement = self.study.placement
        fit_tuner(
            self.session,
            self.workload,
            self.scheduler,
            self._settings(tier),
            resources=placement.resources(tier),
            slots=SlotCount(placement, tier, refused=refused_ids),
            tier=tier,
            limit=self.config.attempts_per_fit,
            callback=self.callback,
        )

    def _settings(self, tier: int) -> WorkerSettings:
        placement = self.study.placement
        return WorkerSettings(
            storage=self.study.storage,
            threads=placement.threads(tier),
            checkpoint_seconds=self.study.options.checkpoint_seconds,
            epochs_per_step=self.study.options.epochs_per_report,
            device_fraction=placement.resources(tier).gpus,
            worker_log=str(self.study.paths.logs),
            epoch_deadline_seconds=3 * self.session.watchdog.timeouts.first,
            storage_is_shared=bool(self.study.options.storage),
        )

    def reap_lost_trials(self) -> None:
        """Ends the attempts that Ray dropped without reporting them."""
        for trial_id in list(self.dispatcher.running):
            self.callback.forget(trial_id)
            if self.dispatcher.halted:
                self.dispatcher.ended(trial_id, TrialStatus.INTERRUPTED)
            else:
                lost = Failure("lost_worker", "Ray ended without this trial")
                self.dispatcher.failed(trial_id, lost)
            self.on_end(trial_id)

    def _recover(
        self, problem: Exception, restart: Callable[[], Workload], *, give_up: bool
    ) -> None:
        """Ray broke: its trials are lost and will be tried again, on a new Ray where it is ours."""
        failure = Failure("lost_node", classify(_first_cause(problem)).error)
        LOG.info("Ray failed: %s", failure.summary)
        for trial_id in list(self.dispatcher.running):
            self.callback.forget(trial_id)
            self.dispatcher.failed(trial_id, failure)
            self.on_end(trial_id)
        if give_up:
            self.dispatcher.halt(f"Ray failed {MOST_BREAKS + 1} times in a row: {failure.summary}")
        elif not self.dispatcher.halted and not _answers():
            try:
                self.workload = restart()
            except RayLostError as lost:
                self.dispatcher.halt(str(lost))

    def _scheduler(self) -> ContentScheduler:
        plan = self.study.plan
        make, horizon = import_named(SCHEDULERS[plan.scheduler].make), plan.horizon
        by_size = len(self.study.context.objectives) > 1

        def group(trial_id: str) -> int | None:
            planned = self.dispatcher.history[trial_id].planned
            return size_bin(planned.parameters) if by_size and planned else None

        def estimates(trial_id: str) -> bool:
            planned = self.dispatcher.history[trial_id].planned
            return planned is not None and not is_choosing(planned.config["seed"])

        return ContentScheduler(lambda: make(horizon), size_bin=group, spares=estimates)

    def _place_of(self, actor: Any) -> tuple[str, str, str]:
        placement = self.study.placement
        device = "gpu" if placement.resources(0).gpus else "cpu"
        if len(placement.nodes) == 1 and not placement.is_joined:
            return socket.gethostname(), device, ""
        host, node = place_of_actor(actor)
        return host, device, node


def _first_cause(problem: BaseException) -> BaseException:
    """What broke Ray, rather than the error that Tune's clean-up raised afterwards."""
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
