"""The second stage of a run: chosen from the record when the first is done, and put on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from analysis.record.record import AnyRow
from tune_app.planning.plan import Plan, PlannedTrial
from tune_app.record.history import History
from tune_app.study.resume import entry_rows


class EstimatingStage:
    """``begin`` says what of the second stage is to run; ``trials`` holds all of it from then on.

    ``write`` puts rows on record, ``borrow`` returns what other studies have of a plan's trials,
    ``begun`` hears of the trials that will run.
    """

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        history: History,
        again: frozenset[str],
        *,
        write: Callable[..., None],
        borrow: Callable[[Plan], Sequence[AnyRow]],
        begun: Callable[[str, Sequence[PlannedTrial]], None],
    ) -> None:
        self._plan, self._folder, self._history, self._again = plan, folder, history, again
        self._write, self._borrow, self._begun = write, borrow, begun
        self.trials: tuple[PlannedTrial, ...] = ()

    def begin(self) -> list[PlannedTrial]:
        """Chooses, and returns the trials that are not known yet, in their order."""
        from analysis.study.study import load_study  # imports pandas
        from tune_app.planning.second_stage import as_plan, second_stage

        stage = second_stage(self._plan, load_study(self._folder))
        self.trials = stage.trials
        plan = as_plan(self._plan, stage)
        self._write(*self._borrow(plan))
        self._write(*entry_rows(plan, self._history, time.time()))
        left = [one for one in stage.trials if self._is_left(one.trial_id)]
        seeds = len(self._plan.estimating_seeds)
        self._begun(
            f"stage 2: {stage.configurations} chosen configurations on {seeds} estimating seeds, "
            f"{len(left)} runs to go",
            left,
        )
        return left

    def _is_left(self, trial_id: str) -> bool:
        trial = self._history[trial_id]
        return trial_id in self._again or not (trial.attempt or trial.ended)
