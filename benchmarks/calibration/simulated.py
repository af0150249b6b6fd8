"""Simulated studies in the product's own frames: real configurations, accuracies that are drawn."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.record.columns import Columns
from analysis.record.dtypes import TRIAL_DTYPES, column
from analysis.record.frames import Tables, build_tables
from analysis.study.study import Study
from trainables.architectures.network_size import size_network
from trainables.config.train_config import TrainConfig

Config = Mapping[str, Any]
SMALL = {"dataset": "digits", "width": 16, "epochs": 2, "precision": "fp32"}
"""What every simulated trial shares: small networks, whose sizes are quickly worked out."""
DENSE = 412_996
"""Parameters of the dense network at that width."""

NEEDED = {
    "trial_id", "status", "layer", "width", "parameters", "macs", "compression",
    "factor_parameters", "classes", "dataset", "validation_images", "seed", "val_accuracy_last",
    "test_accuracy", "train_seconds", "epochs_run", "attempts", "data_seed",
}  # fmt: skip
"""Columns that are read even where they are the same everywhere; without the others of that kind a
simulated study is read twice as fast."""


@dataclass(frozen=True)
class Plan:
    """The trials of a study before anything ran; ``trials`` has one row each, without results."""

    space: Mapping[str, Any]
    trials: pd.DataFrame
    configs: tuple[Config, ...]

    def study(self, accuracy: np.ndarray, status: Sequence[str] | None = None) -> Study:
        """The study in which these accuracies came out."""
        statuses = list(status) if status is not None else ["finished"] * len(accuracy)
        trials = self.trials.assign(
            val_accuracy_last=np.where(np.array(statuses) == "finished", accuracy, np.nan),
            status=pd.array(statuses, dtype="str"),
        )
        return as_study(self.space, trials)


def as_study(space: Mapping[str, Any], trials: pd.DataFrame) -> Study:
    """A study of these trials, in memory alone."""
    nothing = _nothing()
    tables = Tables(
        trials, nothing.epochs, nothing.aliases, nothing.infeasible, nothing.attempts,
        nothing.runs, nothing.damage,
    )  # fmt: skip
    info = {"space": space, "dataset": {"name": "digits", "train_images": 50_000}}
    return Study(Path("simulated"), "simulated", info, tables)


@functools.cache
def _nothing() -> Tables:
    return build_tables(Columns.empty())


@functools.lru_cache(maxsize=4_096)
def _size(architecture: Any) -> tuple[int, float]:
    """Parameters and compression; a budget counts as filled to the last parameter."""
    if architecture.compression:
        return round(architecture.compression * DENSE), architecture.compression
    size = size_network(architecture)
    return size.parameters, size.compression


def plan(space: Mapping[str, Any], configs: Sequence[Config]) -> Plan:
    """Sizes every configuration once; a study is then only its accuracies."""
    whole = [TrainConfig.from_trial({**SMALL, **config}) for config in configs]
    sizes = [_size(config.architecture) for config in whole]
    renamed = {"parameters_budget": "parameters", "compression_budget": "compression"}
    data: dict[str, Any] = {}
    for name, dtype in TRIAL_DTYPES.items():
        key = renamed.get(name, name)
        if name in ("parameters", "compression"):
            values = [size[name == "compression"] for size in sizes]
        elif key in TrainConfig.__dataclass_fields__:
            values = [getattr(config, key) for config in whole]
        else:
            values = [_measured(name, number) for number in range(len(whole))]
        data[name] = column(values, dtype)
    trials = _without_absent(pd.DataFrame(data), space)
    kept = [name for name in trials if name in NEEDED or trials[name].nunique(dropna=False) > 1]
    return Plan(space, trials[kept].copy(), tuple(configs))


def _without_absent(trials: pd.DataFrame, space: Mapping[str, Any]) -> pd.DataFrame:
    """Keys where they exist, as a loaded study has them."""
    try:
        from analysis.study.searched_keys import existing
    except ImportError:  # of before conditional keys were left out
        return trials
    return existing(trials, space)


def _measured(name: str, number: int) -> Any:
    values = {
        "trial_id": f"trial-{number}",
        "status": "finished",
        "train_seconds": 1.0,
        "macs": 1e6,
        "epochs_run": 2,
        "attempts": 1,
    }
    return values.get(name)


def choice(*values: Any, role: str = "scientific", **when: tuple) -> dict[str, Any]:
    """A key of a space as ``study.json`` holds it."""
    return {"role": role, "domain": {"kind": "choice", "values": list(values)}, "when": when}


def space(keys: Mapping[str, Any], questions: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """A space as ``study.json`` holds it."""
    contrast = next((dict(one) for one in questions if one["kind"] == "contrast"), None)
    if contrast:
        contrast.pop("kind")
    return {
        "name": "simulated", "question": "", "keys": dict(keys), "fixed": {},
        "questions": [dict(one) for one in questions], "contrast": contrast,
        "search": "grid", "scheduler": "none",
    }  # fmt: skip


Noise = Callable[[np.random.Generator, int], np.ndarray]
"""Draws with mean 0 and standard deviation 1."""

NOISES: dict[str, Noise] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "skewed": lambda rng, n: (rng.gamma(4.0, size=n) - 4.0) / -2.0,
    "heavy": lambda rng, n: rng.standard_t(5, size=n) / np.sqrt(5 / 3),
}


def two_stages(plan: Plan, study: Study, questions: Sequence[Any]) -> Study:
    """The study as its plan runs it: only what was chosen is on estimating seeds.

    ``study`` has every configuration on every seed; what no arm chose leaves the estimating ones.
    """
    from analysis.claims.choosing import choose
    from analysis.study.configurations import configuration_ids

    chosen = {
        one.id
        for question in questions
        for one in choose(question, study.space, study.trials, study.metric)
    }
    trials = study.trials
    kept = (trials["seed"] < 1000) | configuration_ids(trials).isin(chosen)
    return as_study(plan.space, trials[kept].reset_index(drop=True))
