"""The table and the lines of a running search."""

import os
import pty

import pytest
from rich.console import Console

from tune_app.command.output import LOG, log_lines
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
