"""The table of a running search, on a terminal that goes away."""

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
