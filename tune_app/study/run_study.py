"""A study from its plan to its folder: opened or continued, searched, closed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tune_app.command.errors import RayLostError, WrongUse
from tune_app.command.options import RunOptions
from tune_app.command.output import show
from tune_app.nodes.gc_paused import collector_at_rest
from tune_app.nodes.ray_start import RayStart
from tune_app.planning.identity import study_identity
from tune_app.planning.plan import Plan
from tune_app.record.lease import Lease, LeaseHeldError
from tune_app.record.paths import StudyPaths, study_paths
from tune_app.session.signal_handler import Interrupt
from tune_app.study.closing import Outcome, write_results
from tune_app.study.opening import check_identity, move_aside
from tune_app.study.runner import Setting, StudyRun

__all__ = ["Outcome", "Setting", "run_study"]


def run_study(plan: Plan, options: RunOptions, setting: Setting | None = None) -> Outcome:
    """Runs whatever of the plan the study's ledger does not hold yet; ends with tables and report.

    Raises:
        WrongUse: the study is another one, in use, or its trials fit on no node; nothing started.
    """
    setting = setting or Setting()
    say = setting.say or show
    paths = study_paths(options, plan.space.name)
    identity = study_identity(plan)
    with Interrupt(say) as interrupt:
        with _polite():
            if options.fresh and (aside := move_aside(paths)):
                say(f"the study of that name is now {aside}")
        check_identity(paths, identity)
        with _leased(paths) as lease, RayStart(options, setting.preload) as ray_start:
            run = StudyRun(plan, options, setting, paths, interrupt, lease)
            try:
                with collector_at_rest():
                    run.open(ray_start)
            except RayLostError as problem:
                reason = f"the search did not begin, and nothing is lost: {problem}"
                outcome = Outcome(paths.folder, 1, reason, complete=False)
                outcome.tell(options.command, say)
                return outcome
            outcome = run.search(ray_start, identity)
        write_results(paths.folder, say, report=setting.report)
    outcome.tell(options.command, say)
    return outcome


@contextlib.contextmanager
def _polite() -> Iterator[None]:
    """A study that is in use is wrong use."""
    try:
        yield
    except LeaseHeldError as problem:
        raise WrongUse([str(problem)]) from problem


@contextlib.contextmanager
def _leased(paths: StudyPaths) -> Iterator[Lease]:
    with contextlib.ExitStack() as stack:
        with _polite():
            lease = stack.enter_context(Lease(paths.folder))
        yield lease
