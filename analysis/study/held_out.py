"""The number of images on which a study's accuracies are measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.statistics.chance import HELD_OUT
from analysis.study.study import Study


def judging_images(study: Study) -> int | None:
    """The number of images on which a study's accuracies are measured; None where unknown."""
    described = study.info.get("dataset")
    data: Mapping[str, Any] = described if isinstance(described, dict) else {}
    if study.metric == "test_accuracy":
        return data.get("test_images")
    counts = study.trials["validation_images"].dropna()
    if len(counts):
        return int(counts.iloc[0])
    if data.get("held_out"):
        return int(data["held_out"])
    if data.get("name") == "cifar10":  # studies of before that was written down
        return HELD_OUT["cifar10"]
    return round(data["train_images"] / 10) if data.get("train_images") else None
