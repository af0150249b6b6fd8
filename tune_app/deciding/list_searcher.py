"""Grid and random search: the plan's own list, in its order."""

from __future__ import annotations

from collections import deque

from tune_app.deciding.searcher import SearchContext
from tune_app.planning.plan import PlannedTrial
from tune_app.record.history import TrialHistory


class ListSearcher:
    """Runs the plan's own list, in its order; grid and random search differ in the plan alone."""

    def __init__(self, context: SearchContext) -> None:
        recorded = context.history.trials.keys() - context.again
        self._queue = deque(
            trial for trial in context.plan.trials if trial.trial_id not in recorded
        )

    def propose(self) -> PlannedTrial | None:
        return self._queue.popleft() if self._queue else None

    @property
    def exhausted(self) -> bool:
        return not self._queue

    def tell(self, trial_id: str, trial: TrialHistory) -> None:
        """Nothing to learn."""
