"""Searchers propose trials. One contract, a function a name."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tune_app.history import History, TrialHistory
from tune_app.plan import Plan, PlannedTrial


class Searcher(Protocol):
    """Proposes one trial at a time and hears how it ended."""

    def propose(self) -> PlannedTrial | None:
        """The next trial to run; None when there is none now."""

    @property
    def exhausted(self) -> bool:
        """Whether ``propose`` will never again return a trial."""

    def tell(self, trial_id: str, trial: TrialHistory) -> None:
        """A trial that was proposed has ended for good."""


@dataclass(frozen=True)
class SearchContext:
    """What a searcher may read: the plan, what is known already, what is optimised.

    ``again`` names trials on record that are to run once more in this run; ``write`` puts rows
    (aliases, infeasible points) on record.
    """

    plan: Plan
    history: History
    objectives: tuple[str, ...] = ("val_accuracy",)
    seed: int = 0
    again: frozenset[str] = frozenset()
    write: Callable[..., None] = lambda *rows: None


class Listed:
    """Runs the plan's own list, in its order; grid and random search differ in the plan alone."""

    def __init__(self, context: SearchContext) -> None:
        known = context.history.trials.keys() - context.again
        self._queue = deque(one for one in context.plan.trials if one.trial_id not in known)

    def propose(self) -> PlannedTrial | None:
        return self._queue.popleft() if self._queue else None

    @property
    def exhausted(self) -> bool:
        return not self._queue

    def tell(self, trial_id: str, trial: TrialHistory) -> None:
        """Nothing to learn."""


def optuna(context: SearchContext) -> Searcher:
    """Tree-structured Parzen estimators, NSGA-II for several objectives (Akiba et al. 2019)."""
    from tune_app.optuna_search import OptunaSearch  # slow to import, and needed for this one only

    return OptunaSearch(context)


SEARCHERS: dict[str, Callable[[SearchContext], Searcher]] = {
    "grid": Listed,
    "random": Listed,
    "optuna": optuna,
}
