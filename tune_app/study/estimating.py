"""The second stage of a run: chosen from the record once the first stage is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from analysis.record.rows import AnyRow
from trainables.text.count import plural
from tune_app.engine.open_study import OpenStudy
from tune_app.planning.plan import Plan, PlannedTrial
from tune_app.study.resume import entry_rows


class EstimatingStage:
    """``begin`` says what of the second stage is to run; ``trials`` holds all of it from then on.

    ``borrow`` returns what other studies have of a plan's trials, ``begun`` hears of the trials
    that will run.
    """

    def __init__(
        self,
        study: OpenStudy,
        *,
        borrow: Callable[[Plan], Sequence[AnyRow]],
        begun: Callable[[str, Sequence[PlannedTrial]], None],
    ) -> None:
        self._study, self._borrow, self._begun = study, borrow, begun
        self.trials: tuple[PlannedTrial, ...] = ()

    def begin(self) -> list[PlannedTrial]:
        """Chooses, and returns the trials that are not known yet, in their order."""
        from analysis.study.study import load_study  # imports pandas
        from tune_app.planning.second_stage import as_plan, second_stage

        study = self._study
        stage = second_stage(study.plan, load_study(study.paths.folder))
        self.trials = stage.trials
        plan = as_plan(study.plan, stage)
        study.context.write(*self._borrow(plan))
        study.context.write(*entry_rows(plan, study.history, time.time()))
        unfinished = [trial for trial in stage.trials if self._is_left(trial.trial_id)]
        seeds = len(study.plan.estimating_seeds)
        self._begun(
            f"stage 2: {stage.configurations} chosen, {plural(seeds, 'estimating seed')} each, "
            f"{plural(len(unfinished), 'trial')} to run",
            unfinished,
        )
        return unfinished

    def _is_left(self, trial_id: str) -> bool:
        trial = self._study.history[trial_id]
        return trial_id in self._study.again or not (trial.attempt or trial.ended)
