"""Searches an open study, and closes its record in order, whatever happens."""

from __future__ import annotations

import threading
from pathlib import Path

from trainables.text.duration import format_duration
from tune_app.command.lazy_import import import_named
from tune_app.command.output import LOG
from tune_app.command.searchers import SEARCHERS
from tune_app.deciding.dispatcher import Dispatcher
from tune_app.deciding.failures import RetryPolicy
from tune_app.deciding.searcher import Searcher
from tune_app.deciding.two_stages import TwoStages
from tune_app.engine.open_study import OpenStudy
from tune_app.engine.runner_config import RunnerConfig
from tune_app.engine.workload import Workload
from tune_app.nodes.ray_start import RayStart
from tune_app.record.ledger import LedgerError
from tune_app.session.progress_display import ProgressDisplay
from tune_app.session.session import Session, TrialLog
from tune_app.session.signal_handler import SignalHandler
from tune_app.session.watchdog import Watchdog
from tune_app.study.estimating import EstimatingStage
from tune_app.study.finalize import Outcome, finalize
from tune_app.study.open import first_line
from tune_app.study.prepare import read_data
from tune_app.study.resume import borrowed_rows
from tune_app.study.shutdown_watchdog import ShutdownWatchdog


def search_study(
    study: OpenStudy,
    config: RunnerConfig,
    signals: SignalHandler,
    lost_event: threading.Event,
    ray_start: RayStart,
    ends_at: float,
) -> Outcome:
    """Runs what is missing until ``ends_at`` (monotonic seconds) at the latest."""
    from tune_app.engine.tune_loop import TuneLoop  # imports ray.tune

    def restart() -> Workload:
        """Starts a new Ray and puts the data there again."""
        ray_start.again()
        return read_data(study.plan, study.options, config)()

    with study.ledger:
        progress = _progress(study, config)
        stage = EstimatingStage(
            study,
            borrow=lambda plan: borrowed_rows(plan, study.history, study.options.reuse_from),
            begun=progress.begin_stage,
        )
        session = _session(study, stage, progress, config, signals, lost_event, ends_at)
        for note in study.plan.notes:
            LOG.info("note: %s", note)
        LOG.info("%s", first_line(study))

        def close() -> Outcome:
            return finalize(study, session, stage.trials)

        watchdog = ShutdownWatchdog(session, close, study.options.command)
        with watchdog, session.progress:
            session.clear_stop()
            signals.begin("running trials save and end within 30 s")
            loop = TuneLoop(study, session, config)
            try:
                loop.replay()
                loop.run(restart)
            except LedgerError as problem:
                session.stop(str(problem))
                loop.reap_lost_trials()
            watchdog.disarm()
        return close()


def _session(
    study: OpenStudy,
    stage: EstimatingStage,
    progress: ProgressDisplay,
    config: RunnerConfig,
    signals: SignalHandler,
    lost_event: threading.Event,
    ends_at: float,
) -> Session:
    options = study.options
    searcher: Searcher = import_named(SEARCHERS[study.plan.search].make)(study.context)
    if study.plan.estimating_seeds:
        searcher = TwoStages(searcher, stage.begin)
    budget = options.time_budget_seconds
    return Session(
        ledger=study.ledger,
        dispatcher=Dispatcher(
            searcher=searcher,
            history=study.history,
            write=study.ledger.append,
            policy=RetryPolicy(options.max_failures, memory_tiers=len(study.placement.tiers) - 1),
            search=study.plan.search,
            halt=study.halt,
        ),
        disk=study.disk,
        progress=progress,
        signals=signals,
        watchdog=Watchdog(config.timeouts),
        storage=study.storage,
        copy=study.copy,
        lost_event=lost_event,
        trial_log=_tensorboard(study.paths.tensorboard),
        searched_keys=study.plan.space.keys,
        ends_at=ends_at,
        budget=format_duration(budget) if budget else "",
    )


def _progress(study: OpenStudy, config: RunnerConfig) -> ProgressDisplay:
    plan, history = study.plan, study.history
    epochs = {trial.trial_id: trial.config.epochs for trial in plan.trials}
    to_go = sum(epochs[name] - history[name].epoch for name in study.again & epochs.keys())
    points = plan.open_ended * len(plan.seeds)
    # a study may have trials of other plans, which count among those that have ended
    ended = {name for name, trial in history.trials.items() if not trial.status.is_open}
    planned = len(ended | epochs.keys()) if epochs else points
    return ProgressDisplay(history, planned, to_go, config.console, limits=plan.rules.limits)


def _tensorboard(folder: Path) -> TrialLog:
    from analysis.tensorboard.writer import TensorBoardLog  # imports pandas

    return TensorBoardLog(folder)
