"""Consecutive causes of failure: they tell bad luck from a search that cannot work."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.record.rows import FailureKind
from tune_app.record.history import LOST, WAITED_FOR


@dataclass
class FailureStreak:
    """Counts causes, not trials; ``most`` of one sort in a row stop a search.

    A host that is switched off ends every attempt on it within seconds, a card that hangs or is
    full all that share it. Attempts that ran already when a cause struck may have fallen to it, and
    are counted with it; one that was proposed later has met another. A node that refuses its trials
    is such a cause too. An exception is its trial's own, and each is a cause.
    """

    most: int = 10
    causes: int = 0
    _sort: str = ""
    _struck_at: float = 0.0

    def failed(self, kind: FailureKind, proposed_at: float, now: float) -> bool:
        """Notes a failed attempt; returns whether the search should stop."""
        if kind in WAITED_FOR:
            return False
        sort = "lost" if kind in (*LOST, "unfit_node") else kind
        if sort != self._sort:
            self.causes, self._sort = 0, sort
        if sort == "exception" or not self.causes or proposed_at > self._struck_at:
            self.causes += 1
            self._struck_at = now
        return self.causes >= self.most

    def went_well(self, *, epoch: bool) -> None:
        """Notes a trial that ended well, or an epoch.

        An epoch disproves only that no worker lives and none has memory enough. A trial that raises
        or hangs in its third epoch each time reports two epochs each time.
        """
        if not epoch or self._sort in ("lost", "out_of_memory"):
            self.causes, self._sort = 0, ""
