"""The contract of a searcher: it proposes trials and hears how they ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tune_app.planning.plan import Plan, PlannedTrial
from tune_app.record.history import History, TrialHistory


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
