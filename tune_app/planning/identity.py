"""What makes two runs the same study: fixed keys, dataset, recipe. Everything else is growth."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from trainables.config.train_config import RECIPE_VERSION, TrainConfig
from tune_app.planning.plan import Plan

GROWS = ("seed", "dataset")  # the seed is growth; the dataset has an entry of its own


def study_identity(plan: Plan) -> dict[str, Any]:
    """Plain JSON values, stored in study.json as ``identity``.

    ``fixed`` holds the fixed keys (after --set) that differ from their defaults, ``resolved`` what
    the study put for open values such as ``precision="auto"``, ``searched`` the other keys: one
    that was fixed and is searched now widens the study.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(TrainConfig)}
    fixed = {
        name: value
        for name, value in sorted(plan.space.fixed.items())
        if name not in GROWS and value != defaults[name]
    }
    dataset = plan.space.fixed.get("dataset", defaults["dataset"])
    if "dataset" in plan.space.keys:
        dataset = "searched"
    resolved = {
        name: value for name, value in plan.rules.resolved.items() if name not in plan.space.keys
    }
    return {
        "dataset": dataset,
        "fixed": fixed,
        "recipe": RECIPE_VERSION,
        "resolved": resolved,
        "searched": sorted(plan.space.keys),
    }


def identity_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs, one sentence each; empty where both are the same study."""
    before, after = _flat(old), _flat(new)
    for name in new.get("searched", ()):
        before.pop(name, None)
    return [
        f"{name} was {before.get(name, 'the default')}, is {after.get(name, 'the default')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _flat(identity: Mapping[str, Any]) -> dict[str, Any]:
    """One level: the fixed keys beside dataset and recipe version.

    ``precision`` stays out of it: a study keeps what it put for "auto" when it began.
    """
    classes = identity.get("resolved", {}).get("classes")
    flat = {"dataset": identity.get("dataset"), "recipe version": identity.get("recipe")}
    return {**flat, "classes": classes, **identity.get("fixed", {})}
