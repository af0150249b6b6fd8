"""Every scheduler by name. A scheduler stops trials, and has the interface of Ray's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SchedulerEntry:
    """``make`` is the "module:name" of a function of a ``Horizon``, imported when it is used.

    ``stops`` tells whether it may stop a trial before its last epoch, ``has_rungs`` whether it does
    so only at rungs, whose ratio ``--reduction-factor`` sets.
    """

    help: str
    make: str
    stops: bool = True
    has_rungs: bool = False


SCHEDULERS = {
    "none": SchedulerEntry(
        "every trial runs to its end", "tune_app.deciding.fifo:fifo", stops=False
    ),
    "asha": SchedulerEntry(
        "stops the worse trials at growing numbers of epochs",
        "tune_app.deciding.asha:Asha",
        has_rungs=True,
    ),
    "median": SchedulerEntry(
        "stops trials below the median of the others at the same epoch",
        "tune_app.deciding.median:Median",
    ),
}
