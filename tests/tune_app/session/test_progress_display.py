"""The table and the lines of a running search."""

import os
import pty
import subprocess
import sys

import pytest
from rich.console import Console

from analysis.record.rows import Ended, Started
from tests.tune_app.workload import some_trials
from tune_app.command.output import LOG, log_lines
from tune_app.planning.rows import planned_row
from tune_app.record.history import History
from tune_app.session.progress_display import ProgressDisplay


def test_a_search_outlives_its_terminal():
    master, slave = pty.openpty()
    console = Console(file=os.fdopen(slave, "w"), force_terminal=True)
    progress = ProgressDisplay(History(), planned=1, console=console)
    with log_lines(console), progress:
        progress.tick()
        os.close(master)
        progress._drawn = 0.0  # due again
        progress.tick()
        LOG.info("a line for nobody")
        with pytest.raises(OSError, match="Input/output error"):
            progress._live.update("what a tick does", refresh=True)


def test_a_first_worker_that_takes_long_is_told_once(lines):
    now = [0.0]
    progress = ProgressDisplay(History(), planned=2, clock=lambda: now[0])
    for seconds in (1, 29, 31, 60, 90):
        now[0] = seconds
        progress.tick()
    assert [line.split(":")[0] for line in lines] == ["no trial has begun yet"]
    begun = ProgressDisplay(History(), planned=2, clock=lambda: now[0])
    begun.on_start("trial")
    now[0] += 100
    begun.tick()
    assert len(lines) == 1


def test_a_second_stage_follows_the_trials_that_there_were(lines):
    """A searcher may find fewer than it was asked for: [9/42] stood over the ninth of ten."""
    first, second, third = some_trials(3)
    rows = []
    for trial in (first, second):
        rows += [planned_row(trial, time=0.0), Started(trial.trial_id, 1, 0.0)]
        rows.append(Ended(trial.trial_id, 1, 1.0, "finished", 1))
    history = History(rows)
    progress = ProgressDisplay(history, planned=40)
    progress.begin_stage("stage 2", [third])
    assert (progress.ended, progress.planned) == (2, 3)


@pytest.mark.parametrize(
    ("variables", "at_terminal", "redraws"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "xterm"}, False, False),
        ({"TERM": "xterm", "FORCE_COLOR": "1"}, False, False),
    ],
)
def test_lines_are_redrawn_on_a_terminal_that_can(variables, at_terminal, redraws):
    code = "import sys; from tune_app.command.output import terminal; sys.exit(bool(terminal()))"
    master, slave = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=slave if at_terminal else subprocess.DEVNULL,
        env={**os.environ, **variables},
        check=False,
    )
    os.close(master)
    os.close(slave)
    assert bool(done.returncode) is redraws
