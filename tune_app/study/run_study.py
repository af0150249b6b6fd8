"""A study from its plan to its folder: opened or continued, searched, closed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from trainables.files.study_folder import FIGURES
from trainables.files.whole_file import remove_left_drafts
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
from tune_app.record.study_document import StudyName
from tune_app.session.signal_handler import SignalHandler
from tune_app.study.finalize import Outcome, write_results
from tune_app.study.head_guard import HeadGuard
from tune_app.study.open import open_study
from tune_app.study.prepare import prepare_study
from tune_app.study.provenance import describe
from tune_app.study.resume import check_identity, move_aside
from tune_app.study.search import search_study
from tune_app.study.shared_study import (
    bring_home,
    catch_up,
    set_aside,
    shared_lease,
    storage_errors_as_usage,
)
from tune_app.study.storage_owner import is_copy, take_storage
from tune_app.study.study_name import moved_storage, new_name, study_name, study_storage


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
        _make_way(paths, options)
        bring_home(paths, options)
        check_identity(paths, plan, options)
        name, copied = _named(paths, options)

        def not_begun(problem: RayLostError) -> Outcome:
            reason = f"the search did not begin, and nothing is lost: {problem}"
            return Outcome(paths.folder, 1, reason, complete=False)

        with (
            HeadGuard(lambda problem: not_begun(problem).log(options.command), signals) as guard,
            _leased(paths, options, name) as lost_event,
            RayStart(options, config.preload) as ray_start,
        ):
            if options.storage:
                catch_up(paths, study_storage(paths, options, name))
            try:
                with gc_paused():
                    prepared = prepare_study(plan, options, config, paths, name, ray_start)
            except RayLostError as problem:
                outcome = not_begun(problem)
                outcome.log(options.command)
                return outcome
            guard.leave_to_the_search()
            _make_folders(paths, options, name, copied)
            describe(prepared, identity)
            budget = options.time_budget_seconds
            ends_at = began + budget if budget else float("inf")
            study = open_study(prepared, lost_event)
            with study.copy or contextlib.nullcontext(), _among_others(study.placement, paths):
                outcome = search_study(study, config, signals, lost_event, ray_start, ends_at)
                signals.begin("the report is written first")
                write_results(paths.folder, report=config.report, copy=study.copy)
                signals.begin("all is written, and the command ends")
            outcome.log(options.command)
            guard.search_has_ended(outcome.exit_code)
    return outcome


def _make_way(paths: StudyPaths, options: RunOptions) -> None:
    """``--fresh``: whatever has the study's name gets another."""
    if not options.fresh:
        return
    set_aside(paths, options)
    with lease_errors_as_usage():
        if aside := move_aside(paths):
            LOG.info("the study of that name is now %s", aside)


def _named(paths: StudyPaths, options: RunOptions) -> tuple[StudyName, str]:
    """Who the study is; and of a copy of another study, whose checkpoints come along, else ""."""
    name = study_name(paths)
    if options.storage:
        with storage_errors_as_usage(options.storage):
            if is_copy(options.storage, name, paths):
                return new_name(paths), name.shared
    return name, ""


def _make_folders(paths: StudyPaths, options: RunOptions, name: StudyName, copied: str) -> None:
    """The study's own, without drafts of a killed search, and that of its checkpoints."""
    moved = moved_storage(paths, study_storage(paths, options, name))
    if moved and not copied:  # else the checkpoints are copied, too
        LOG.info("note: %s", moved)
    remove_left_drafts(paths.folder, paths.folder / FIGURES)
    for folder in (paths.folder, paths.logs):
        folder.mkdir(parents=True, exist_ok=True)
    if not options.storage:
        paths.checkpoints.mkdir(exist_ok=True)
        return
    with storage_errors_as_usage(options.storage):
        take_storage(options.storage, name, paths, copied)


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
    this_study = RunningStudy.of_this_process(
        paths.folder, placement.slots(), placement.resources(0)
    )
    with announced(this_study):
        if crowd := crowding(this_study, running_studies(), this_machine()):
            LOG.info("note: %s", crowd)
        yield


@contextlib.contextmanager
def _leased(paths: StudyPaths, options: RunOptions, name: StudyName) -> Iterator[threading.Event]:
    """Holds the study, here and in the storage; the event is set when another driver takes it."""
    with contextlib.ExitStack() as stack:
        lost_event = threading.Event()
        with lease_errors_as_usage():
            stack.enter_context(Lease(paths.folder, lost_event=lost_event))
        if options.storage:
            storage = study_storage(paths, options, name)
            stack.enter_context(shared_lease(storage, lost_event))
        yield lost_event
