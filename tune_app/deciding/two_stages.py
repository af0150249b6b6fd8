"""A search in two stages: the first chooses, the second estimates what was chosen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from tune_app.deciding.searcher import Searcher
from tune_app.planning.plan import PlannedTrial
from tune_app.record.history import TrialHistory


class TwoStages:
    """Fulfils ``searcher.Searcher``: another searcher's trials, then those that ``begin`` returns.

    ``begin`` is called once, when every trial of the first stage has ended for good. Until then the
    search counts as exhausted while trials are out, as they may be waiting for another resource
    tier.
    """

    def __init__(self, first: Searcher, begin: Callable[[], Sequence[PlannedTrial]]) -> None:
        self._first, self._begin = first, begin
        self._second: deque[PlannedTrial] | None = None
        self._out: set[str] = set()  # of the first stage: proposed, not ended for good

    def propose(self) -> PlannedTrial | None:
        if self._second is None:
            trial = self._first.propose()
            if trial is not None:
                self._out.add(trial.trial_id)
                return trial
        second = self._estimating()
        return second.popleft() if second else None

    @property
    def exhausted(self) -> bool:
        if self._second is None and not self._first.exhausted:
            return False
        return not self._estimating()

    def tell(self, trial_id: str, trial: TrialHistory) -> None:
        self._out.discard(trial_id)
        if self._second is None:
            self._first.tell(trial_id, trial)

    def _estimating(self) -> deque[PlannedTrial] | None:
        """What is left of the second stage; None while the first goes on."""
        if self._second is None and self._first.exhausted and not self._out:
            self._second = deque(self._begin())
        return self._second
