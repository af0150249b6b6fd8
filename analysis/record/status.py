"""The statuses of a trial, and their predicates."""

from __future__ import annotations

from enum import StrEnum


class TrialStatus(StrEnum):
    """The status of a trial, or of one attempt at it. The values are the strings on disk."""

    FINISHED = "finished"
    """Trained to its last epoch."""
    STOPPED = "stopped"
    """Ended early by a scheduler."""
    RUNNING = "running"
    """An attempt holds a slot, or another attempt will follow."""
    INTERRUPTED = "interrupted"
    """Ended early by the user, by a time budget or with the driver."""
    DIVERGED = "diverged"
    """The loss was no longer finite."""
    FAILED = "failed"
    """Ended by an error."""
    NEVER_RAN = "never_ran"
    """Planned, and never started."""

    @property
    def is_final(self) -> bool:
        """Whether running the trial again would only give the same numbers."""
        return self in (TrialStatus.FINISHED, TrialStatus.DIVERGED)

    @property
    def is_open(self) -> bool:
        """Whether the trial has epochs left that the same command would run."""
        return self in OPEN


OPEN = (TrialStatus.RUNNING, TrialStatus.INTERRUPTED, TrialStatus.NEVER_RAN)
"""Statuses of trials that have epochs left to run."""

COMPARABLE = (TrialStatus.FINISHED, TrialStatus.STOPPED)
"""Statuses of trials that ended regularly, with an epoch on record."""

ENDS = (*COMPARABLE, TrialStatus.DIVERGED, TrialStatus.FAILED, TrialStatus.INTERRUPTED)
"""Statuses with which an attempt can end."""
