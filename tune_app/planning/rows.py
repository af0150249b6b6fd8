"""Rows of the ledger, made from planned trials and from a trial's results."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from analysis.record.rows import Epoch, Planned
from trainables.config.metrics import EpochMetrics
from tune_app.planning.parsed_point import PlannedTrial

METRICS = tuple(field.name for field in dataclasses.fields(EpochMetrics))


def planned_row(trial: PlannedTrial, *, time: float, search: str = "") -> Planned:
    """The row with which a trial enters a study."""
    batch = trial.config.images_at_once
    return Planned(
        trial_id=trial.trial_id,
        config=trial.config.to_dict(),
        parameters=trial.size.parameters,
        macs=trial.size.macs(batch),
        compression=trial.size.compression,
        factor_parameters=trial.size.factor_parameters,
        routes=tuple(trial.size.routes(batch)),
        time=time,
        search=search,
    )


def epoch_row(result: Mapping[str, Any], trial_id: str, attempt: int, time: float) -> Epoch:
    """The row of one reported epoch; a loss that is not finite becomes None."""
    metrics = {name: result[name] for name in METRICS if result.get(name) is not None}
    for name in ("train_loss", "val_loss", "test_loss"):
        if not math.isfinite(metrics.get(name, 0.0)):
            metrics[name] = None
    metrics.setdefault("train_loss", None)
    metrics.setdefault("train_accuracy", 0.0)
    return Epoch(trial_id=trial_id, attempt=attempt, time=time, **metrics)
