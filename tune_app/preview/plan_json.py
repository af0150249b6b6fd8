"""A plan as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.record.status import TrialStatus
from tune_app.planning.plan import Plan, PlannedTrial
from tune_app.preview.progress import StudyProgress


def plan_json(plan: Plan, progress: StudyProgress, problems: Sequence[str] = ()) -> str:
    """One object; every trial with its whole resolved configuration, the others as written.

    ``status`` says how a trial stands on record, "never_ran" where it has not begun; ``problems``
    why a search would not start here.
    """
    trials = [_trial_json(trial, progress) for trial in plan.trials]
    estimating = [_trial_json(trial, progress) for trial in progress.estimating]
    duplicates = [{"config": one.config, "same_as": one.same_as} for one in plan.duplicates]
    infeasible = [{"config": one.config, "reason": one.reason} for one in plan.infeasible]
    lists = {"trials": trials, "estimating": estimating}
    lists |= {"duplicates": duplicates, "infeasible": infeasible}
    # a trial a line: an indented document takes five times as long to write
    parts = [f'"{name}": [{_lines(ones)}]' for name, ones in lists.items()]
    parts += [f'"problems": {json.dumps(list(problems))}']
    return ",\n".join([f'{{"space": {json.dumps(plan.space.name)}', *parts]) + "}"


def _lines(ones: Sequence[Mapping[str, Any]]) -> str:
    return ",".join(f"\n  {json.dumps(one)}" for one in ones)


def _trial_json(trial: PlannedTrial, progress: StudyProgress) -> dict[str, Any]:
    batch = trial.config.images_at_once
    return {
        "id": trial.trial_id,
        "config": trial.config.to_dict(),
        "parameters": trial.size.parameters,
        "macs": trial.size.macs(batch),
        "compression": trial.size.compression,
        "factor_parameters": trial.size.factor_parameters,
        "routes": trial.size.routes(batch),
        "status": progress.statuses.get(trial.trial_id, TrialStatus.NEVER_RAN),
    }
