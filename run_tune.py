"""RankTune: which low-rank network is best for a parameter budget, and how sure are we?"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from search_spaces.files import SpaceError
from search_spaces.registry import get_space
from tune_app.command_line import parse_options
from tune_app.errors import WrongUse
from tune_app.options import RunOptions
from tune_app.plan import make_plan


def main(argv: Sequence[str]) -> int:
    """Parse, plan, search, report. Returns the exit code: 0, 1 some failed, 2 wrong use, 130 stopped."""
    try:
        return run(parse_options(argv))
    except (WrongUse, SpaceError) as wrong:
        print(*(f"error: {problem}" for problem in wrong.problems), sep="\n", file=sys.stderr)
        return 2


def run(options: RunOptions) -> int:
    """What a checked command line asks for."""
    # what looks only never imports what searches: ray, torch and pandas take seconds
    if options.list_spaces:
        from tune_app.plan_view import spaces_text

        print(spaces_text())
        return 0
    plan = make_plan(options, get_space(options.space))
    if options.plan_only:
        from tune_app.forecast import forecast
        from tune_app.plan_view import plan_json, plan_text

        print(plan_json(plan) if options.as_json else plan_text(plan, forecast(plan)))
        return 0
    return search(plan, options)


def search(plan, options) -> int:
    from analysis.study import load_study
    from tune_app.preflight import check_start
    from tune_app.study import run_study

    from analysis.report import write_report

    check_start(plan, options)
    outcome = run_study(plan, options)
    write_report(load_study(outcome.folder))
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
