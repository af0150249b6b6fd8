"""A plan as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.record.status import TrialStatus
from tune_app.planning.plan import Plan, PlannedTrial
from tune_app.preview.progress import StudyProgress


def plan_json(plan: Plan, progress: StudyProgress, problems: Sequence[str] = ()) -> str:
    """One JSON object. Trials have their resolved configuration, other points the one as written.

    ``status`` is that of the trial on record, "never_ran" where it has not begun. ``problems`` are
    the reasons why a search would not start here.
    """
    trials = [_trial_json(trial, progress) for trial in plan.trials]
    estimating = [_trial_json(trial, progress) for trial in progress.estimating]
    duplicates = [{"config": point.config, "same_as": point.same_as} for point in plan.duplicates]
    infeasible = [{"config": point.config, "reason": point.reason} for point in plan.infeasible]
    lists = {"trials": trials, "estimating": estimating}
    lists |= {"duplicates": duplicates, "infeasible": infeasible}
    # one trial per line: an indented document takes five times as long to write
    parts = [f'"{name}": [{_lines(rows)}]' for name, rows in lists.items()]
    parts += [f'"notes": {json.dumps(list(plan.notes))}']
    parts += [f'"problems": {json.dumps(list(problems))}']
    return ",\n".join([f'{{"space": {json.dumps(plan.space.name)}', *parts]) + "}"


def _lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return ",".join(f"\n  {json.dumps(row)}" for row in rows)


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
