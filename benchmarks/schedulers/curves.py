"""Complete learning curves of a study, on the two halves of its held-out images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.record.dtypes import RENAMED
from analysis.record.status import TrialStatus
from analysis.study.held_out import judging_images
from analysis.study.outcomes import is_estimating
from analysis.study.searched_keys import existing
from analysis.study.study import Study
from trainables.config.metrics import WORST_SCORE


class CurveError(ValueError):
    """The study has no curves to judge by."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One trial that ran to its last epoch; accuracies in [0, 1], one for each epoch.

    A search sees ``seen`` (every second held-out image) and is judged on ``hidden`` (the others).
    ``point`` holds the searched keys that exist in the trial, by name; ``epoch_seconds`` is the
    median of its epochs.
    """

    trial_id: str
    point: tuple[tuple[str, Any], ...]
    parameters: int
    epoch_seconds: float
    seen: tuple[float, ...]
    hidden: tuple[float, ...]

    @property
    def epochs(self) -> int:
        """How long it trained."""
        return len(self.seen)


def read_curves(study: Study) -> list[Curve]:
    """Of all choosing trials that finished or diverged; a diverged one scores 0 from then on.

    What fresh seeds estimate is left out: a search had chosen it before.

    Raises:
        CurveError: where epochs lack ``val_accuracy_half``, or trials have not the same length.
    """
    images = judging_images(study)
    ended = study.trials["status"].isin([TrialStatus.FINISHED, TrialStatus.DIVERGED])
    trials = study.trials[ended & ~is_estimating(study.trials)]
    epochs = study.epochs[study.epochs["trial_id"].isin(trials["trial_id"])]
    if not images or not len(epochs):
        raise CurveError(f"{study.folder} has no finished trial with held-out images")
    if epochs["val_accuracy_half"].isna().any():
        raise CurveError(
            f"{study.folder} has epochs without val_accuracy_half: they were recorded before it "
            "was; run the study anew, curves of both halves cannot be had otherwise"
        )
    if trials["epochs"].nunique() > 1:
        raise CurveError(
            f"trials of {study.folder} train for {sorted(trials['epochs'].unique())} epochs; "
            "schedulers are compared on curves of one length"
        )
    length = int(trials["epochs"].iloc[0])
    points = existing(trials, study.info.get("space") or {})
    searched = (study.info.get("space") or {}).get("keys", {})
    keys = sorted(RENAMED.get(name, name) for name in searched)
    by_trial = dict(iter(epochs.sort_values("epoch").groupby("trial_id")))
    return [
        _curve(row, by_trial.get(row["trial_id"]), keys, length, images)
        for _, row in points.iterrows()
        if row["trial_id"] in by_trial
    ]


def _curve(
    row: Mapping[str, Any], epochs: pd.DataFrame, keys: list[str], length: int, images: int
) -> Curve:
    seen_images = -(-images // 2)
    seen, whole = epochs["val_accuracy_half"], epochs["val_accuracy"]
    hidden = (whole * images - seen * seen_images) / (images - seen_images)
    lost = (WORST_SCORE,) * (length - len(epochs))
    return Curve(
        trial_id=row["trial_id"],
        point=tuple((name, row[name]) for name in keys if pd.notna(row[name])),
        parameters=int(row["parameters"]),
        epoch_seconds=float(epochs[["train_seconds", "eval_seconds"]].sum(axis=1).median()),
        seen=(*seen.tolist(), *lost),
        hidden=(*hidden.tolist(), *lost),
    )
