"""A study from its plan to its folder: opened or continued, searched, closed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from tune_app.command.errors import RayLostError, UsageError, os_errors_as_usage
from tune_app.command.options import RunOptions
from tune_app.command.output import LOG
from tune_app.engine.runner_config import RunnerConfig
from tune_app.machine.devices import this_machine
from tune_app.machine.placement import Placement
from tune_app.machine.running_studies import (
    RunningStudy,
    announced,
    crowding,
    running_studies,
)
from tune_app.nodes.gc_paused import gc_paused
from tune_app.nodes.ray_start import RayStart
from tune_app.planning.identity import study_identity
from tune_app.planning.plan import Plan
from tune_app.record.lease import Lease, LeaseHeldError
from tune_app.record.paths import StudyPaths, study_paths
from tune_app.session.signal_handler import SignalHandler
from tune_app.study.finalize import Outcome, write_results
from tune_app.study.open import open_study
from tune_app.study.prepare import prepare_study
from tune_app.study.provenance import describe
from tune_app.study.resume import check_identity, move_aside
from tune_app.study.search import search_study
from tune_app.study.storage_owner import take_storage


def run_study(plan: Plan, options: RunOptions, config: RunnerConfig | None = None) -> Outcome:
    """Runs whatever of the plan the study's ledger does not hold yet; ends with tables and report.

    Raises:
        UsageError: the study is another one, in use, or its trials fit on no node; nothing started.
    """
    config = config or RunnerConfig()
    began = time.monotonic()
    paths = study_paths(options, plan.space.name)
    identity = study_identity(plan)
    with SignalHandler() as signals:
        with lease_errors_as_usage():
            if options.fresh and (aside := move_aside(paths)):
                LOG.info("the study of that name is now %s", aside)
        check_identity(paths, plan, options)
        with _leased(paths) as lease, RayStart(options, config.preload) as ray_start:
            try:
                with gc_paused():
                    prepared = prepare_study(plan, options, config, paths, ray_start)
            except RayLostError as problem:
                reason = f"the search did not begin, and nothing is lost: {problem}"
                outcome = Outcome(paths.folder, 1, reason, complete=False)
                outcome.log(options.command)
                return outcome
            for folder in (paths.folder, paths.logs):
                folder.mkdir(parents=True, exist_ok=True)
            if options.storage:
                take_storage(options.storage, prepared.name, paths, prepared.copied)
            describe(prepared, identity)
            budget = options.time_budget_seconds
            ends_at = began + budget if budget else float("inf")
            study = open_study(prepared)
            with _among_others(study.placement, paths):
                outcome = search_study(study, config, signals, lease, ray_start, ends_at)
        write_results(paths.folder, report=config.report)
    outcome.log(options.command)
    return outcome


@contextlib.contextmanager
def lease_errors_as_usage() -> Iterator[None]:
    """A study that is in use, or cannot be written, is a usage error."""
    try:
        with os_errors_as_usage():
            yield
    except LeaseHeldError as problem:
        raise UsageError([str(problem)]) from problem


@contextlib.contextmanager
def _among_others(placement: Placement, paths: StudyPaths) -> Iterator[None]:
    """Says where the studies of this machine take more than it has; tells later ones of this."""
    if placement.is_joined:  # Ray shares a cluster out between its studies
        yield
        return
    own = RunningStudy.of_this_process(paths.folder, placement.slots(), placement.resources(0))
    with announced(own):
        if crowd := crowding(own, running_studies(), this_machine()):
            LOG.info("note: %s", crowd)
        yield


@contextlib.contextmanager
def _leased(paths: StudyPaths) -> Iterator[Lease]:
    with contextlib.ExitStack() as stack:
        with lease_errors_as_usage():
            lease = stack.enter_context(Lease(paths.folder))
        yield lease
