"""RankTune: which low-rank network is best for a parameter budget, and how sure are we?"""

from __future__ import annotations

import sys

if __name__ == "__main__":  # python -I and PYTHONSAFEPATH leave the script's own folder out
    sys.path.insert(0, __file__.rpartition("/")[0])

from trainables.config.interruption import interruptible
from trainables.config.starting import Starting

with Starting(program=__name__ == "__main__" or sys.argv[0].endswith("ranktune")):
    from collections.abc import Sequence
    from dataclasses import replace
    from functools import partial

    from analysis.record.record import RecordError
    from search_spaces.grammar.toml_file import SpaceError
    from search_spaces.registry import SPACES, get_space
    from trainables.data.sources import DatasetError
    from trainables.text.printable import escape_unknown_characters
    from tune_app.command.command_line import parse_options
    from tune_app.command.errors import StorageUnusableError, UsageError, os_errors_as_usage
    from tune_app.command.options import RunOptions
    from tune_app.command.output import log_lines, log_to, print_line, terminal
    from tune_app.command.programs import PROGRAMS, run_program
    from tune_app.planning.plan import Plan, make_plan
    from tune_app.preview.plan_json import plan_json
    from tune_app.preview.plan_view import plan_text, spaces_text
    from tune_app.preview.progress import read_progress

# What searches and reports is imported where it is used: ray, torch and pandas take seconds, and
# whoever only looks (--help, --list-spaces, --plan) need not wait for them.


@interruptible
def main(argv: Sequence[str] | None = None) -> int:
    """Parse, plan, search, report; or run the program that the first word names.

    ``argv`` is the command line's by default: the installed command ``ranktune`` calls this.

    Returns the exit code: 0 every planned trial is accounted for, 1 some failed, 2 wrong use (every
    problem on stderr, nothing started), 130 interrupted.
    """
    argv = sys.argv[1:] if argv is None else argv
    escape_unknown_characters()
    if argv and argv[0] in PROGRAMS:
        return run_program(argv)
    try:
        with os_errors_as_usage():
            options = parse_options(argv)
        if options.list_spaces:
            with os_errors_as_usage():
                listed = [get_space(options.space)] if options.space else SPACES.values()
                print_line(spaces_text(listed))
            return 0
        with os_errors_as_usage():
            options, plan = planned(options)
        if options.plan_only:
            return shown(plan, options)
        return searched(plan, options)
    except (UsageError, SpaceError, DatasetError, RecordError) as wrong:
        problems = getattr(wrong, "problems", [wrong])
        print(*(f"error: {problem}" for problem in problems), sep="\n", file=sys.stderr)
        return 2


def planned(options: RunOptions) -> tuple[RunOptions, Plan]:
    """What would run; a confirmation runs under a name of its own.

    Raises:
        UsageError: with everything that is wrong, that of the data, folders and hardware too.
    """
    try:
        space = get_space(options.space)
        if options.storage:
            from tune_app.study.shared_study import bring_home_what_is_planned

            with log_to(partial(print, file=sys.stderr)):
                bring_home_what_is_planned(options, space)
        if not options.confirm:
            return options, make_plan(options, space)
        from tune_app.planning.confirm import confirm_options, make_confirm_plan

        return confirm_options(options, space), make_confirm_plan(options, space)
    except (UsageError, SpaceError) as wrong:
        from tune_app.preview.preflight import problems_without_a_plan

        if isinstance(wrong, StorageUnusableError):
            options = replace(options, storage=None)
        raise UsageError(
            dict.fromkeys([*wrong.problems, *problems_without_a_plan(options)])
        ) from None


def shown(plan: Plan, options: RunOptions) -> int:
    """Prints the plan, and then whatever would keep a search from starting here.

    Raises:
        UsageError: with everything of that kind.
    """
    from tune_app.preview.preflight import crowding_here, start_problems
    from tune_app.record.paths import study_paths
    from tune_app.study.resume import borrowed_rows

    with os_errors_as_usage():
        progress = read_progress(plan, options, borrowed_rows)
        problems = [*start_problems(plan, options), *progress.refusals]
    view = plan_json if options.as_json else plan_text
    with os_errors_as_usage():
        print_line(view(plan, progress, problems))
    if problems:
        raise UsageError(problems)
    if crowd := crowding_here(options, study_paths(options, plan.space.name).folder):
        print(f"note: {crowd}", file=sys.stderr)
    return 0


def searched(plan: Plan, options: RunOptions) -> int:
    """Runs what is left of the plan; the study folder ends with tables and a report."""
    from tune_app.preview.preflight import check_start

    with os_errors_as_usage():
        check_start(plan, options)
    from tune_app.engine.runner_config import RunnerConfig
    from tune_app.study.run_study import run_study

    console = terminal()
    with log_lines(console):
        return run_study(plan, options, RunnerConfig(console=console)).exit_code


if __name__ == "__main__":
    sys.exit(main())
