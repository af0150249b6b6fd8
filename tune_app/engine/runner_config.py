"""How a run is carried out, whatever it asks: set by the terminal, tests and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console

from tune_app.engine.workload import PRELOAD, Workload
from tune_app.session.watchdog import HangTimeouts


@dataclass(frozen=True)
class RunnerConfig:
    """What workers run, how long to wait for what, and where progress is shown.

    ``workload`` replaces the training of networks on the plan's data set. ``attempts_per_fit`` is
    the number of attempts handed to one ``Tuner.fit()``: Ray keeps 50 MB for a thousand, and a new
    fit starts new actors. Without ``report`` the run ends with the tables alone. ``console`` shows
    a live table; without one there are log lines alone.
    """

    workload: Workload | None = None
    preload: tuple[str, ...] = PRELOAD
    timeouts: HangTimeouts = field(default_factory=HangTimeouts)
    attempts_per_fit: int = 1000
    report: bool = True
    console: Console | None = None
