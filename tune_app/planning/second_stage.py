"""The second stage of a study: what each arm of its questions chose, on estimating seeds.

Selection is not evidence. The choosing seeds say which configuration each arm takes; the claims
rest on runs that took no part in the choice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search_spaces.grammar.question import Question
from search_spaces.grammar.space_json import space_json
from tune_app.planning.parsed_point import Duplicate, PlannedTrial, PointRules, plan_point
from tune_app.planning.plan import Plan

if TYPE_CHECKING:
    import pandas as pd

    from analysis.study.study import Study


@dataclass(frozen=True, slots=True)
class SecondStage:
    """What runs on estimating seeds.

    ``trials`` are in the order in which they start, a seed after the other; ``duplicates`` are
    spellings of them; ``configurations`` counts what was chosen.
    """

    trials: tuple[PlannedTrial, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    configurations: int = 0


def second_stage(plan: Plan, study: Study) -> SecondStage:
    """What the study's finished choosing runs choose, within the plan's limits."""
    chosen = list(_chosen(plan, study))
    trials: list[PlannedTrial] = []
    id_of_name: dict[str, str] = {}
    duplicates: list[Duplicate] = []
    for seed in plan.estimating_seeds:
        for configuration in chosen:
            match plan_point({**configuration, "seed": seed}, plan.rules, id_of_name):
                case PlannedTrial() as trial:
                    trials.append(trial)
                    id_of_name |= trial.names
                case Duplicate() as duplicate:
                    duplicates.append(duplicate)
    each = max(1, len(plan.estimating_seeds))
    return SecondStage(tuple(trials), tuple(duplicates), len(trials) // each)


def as_plan(plan: Plan, stage: SecondStage) -> Plan:
    """The plan of the second stage alone."""
    return dataclasses.replace(
        plan,
        trials=stage.trials,
        duplicates=stage.duplicates,
        infeasible=(),
        open_ended=0,
        seeds=plan.estimating_seeds,
        estimating_seeds=(),
    )


def _chosen(plan: Plan, study: Study) -> Iterator[dict[str, Any]]:
    """The configurations that the arms of every question chose, and the best of all."""
    from analysis.study.configurations import grid  # imports pandas

    questions = (*plan.space.questions, None)
    runs = within_limits(plan.rules, grid(study))
    return chosen_configurations(questions, space_json(plan.space), runs, study.metric)


def chosen_configurations(
    questions: Iterable[Question | None],
    space: Mapping[str, Any],
    runs: pd.DataFrame,
    metric: str,
    *,
    untuned: bool = False,
) -> Iterator[dict[str, Any]]:
    """What each arm of the questions chose, as keys of ``TrainConfig``; none twice.

    ``untuned`` gives what a contrast compares where nothing is tuned, too.
    """
    from analysis.claims.choosing import choose  # imports pandas

    chosen_ids: set[str] = set()
    for question in questions:
        for choice in choose(question, space, runs, metric, untuned=untuned):
            if choice.id not in chosen_ids:
                chosen_ids.add(choice.id)
                yield dict(choice.configuration)


def within_limits(rules: PointRules, runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of networks that exceed no limit."""
    for name, limit in rules.limits.items():
        runs = runs[runs[name] <= limit]
    return runs
