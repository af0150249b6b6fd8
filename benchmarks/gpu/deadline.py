"""The time limit that a stage keeps."""

from __future__ import annotations

import faulthandler
import sys
import time

GRACE_SECONDS = 25.0
"""After the deadline a cell may take so long to end by itself; then the process is ended."""


class Deadline:
    """A moment after which nothing is begun."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then; 0 once it has passed."""
        return max(0.0, self._end - time.monotonic())

    def passed(self) -> bool:
        """Whether it has passed: what a trainer is given as ``should_stop``."""
        return self.left == 0.0

    def enforce(self) -> None:
        """Ends this process with every thread's trace if it is still there after the grace.

        A kernel that never returns cannot be interrupted otherwise. What was measured before is on
        disk by then.
        """
        faulthandler.dump_traceback_later(self.left + GRACE_SECONDS, exit=True, file=sys.stderr)
