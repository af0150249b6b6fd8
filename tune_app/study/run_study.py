"""A study from its plan to its folder: opened or continued, searched, closed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tune_app.command.errors import RayLostError, UsageError
from tune_app.command.options import RunOptions
from tune_app.command.output import show
from tune_app.nodes.gc_paused import gc_paused
from tune_app.nodes.ray_start import RayStart
from tune_app.planning.identity import study_identity
from tune_app.planning.plan import Plan
from tune_app.record.lease import Lease, LeaseHeldError
from tune_app.record.paths import StudyPaths, study_paths
from tune_app.session.signal_handler import SignalHandler
from tune_app.study.finalize import Outcome, write_results
from tune_app.study.resume import check_identity, move_aside
from tune_app.study.runner import RunnerConfig, StudyRunner

__all__ = ["Outcome", "RunnerConfig", "run_study"]


def run_study(plan: Plan, options: RunOptions, config: RunnerConfig | None = None) -> Outcome:
    """Runs whatever of the plan the study's ledger does not hold yet; ends with tables and report.

    Raises:
        UsageError: the study is another one, in use, or its trials fit on no node; nothing started.
    """
    config = config or RunnerConfig()
    say = config.say or show
    paths = study_paths(options, plan.space.name)
    identity = study_identity(plan)
    with SignalHandler(say) as signals:
        with _polite():
            if options.fresh and (aside := move_aside(paths)):
                say(f"the study of that name is now {aside}")
        check_identity(paths, identity)
        with _leased(paths) as lease, RayStart(options, config.preload) as ray_start:
            run = StudyRunner(plan, options, config, paths, signals, lease)
            try:
                with gc_paused():
                    run.open(ray_start)
            except RayLostError as problem:
                reason = f"the search did not begin, and nothing is lost: {problem}"
                outcome = Outcome(paths.folder, 1, reason, complete=False)
                outcome.tell(options.command, say)
                return outcome
            outcome = run.search(ray_start, identity)
        write_results(paths.folder, say, report=config.report)
    outcome.tell(options.command, say)
    return outcome


@contextlib.contextmanager
def _polite() -> Iterator[None]:
    """A study that is in use is wrong use."""
    try:
        yield
    except LeaseHeldError as problem:
        raise UsageError([str(problem)]) from problem


@contextlib.contextmanager
def _leased(paths: StudyPaths) -> Iterator[Lease]:
    with contextlib.ExitStack() as stack:
        with _polite():
            lease = stack.enter_context(Lease(paths.folder))
        yield lease
