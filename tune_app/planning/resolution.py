"""Values that a space leaves open, settled once per study."""

from __future__ import annotations

import json
from typing import Any

from search_spaces.grammar.domains import Scalar
from search_spaces.grammar.space import SearchSpace
from trainables.compiled.precision import read_cpu_flags, resolve_precision
from trainables.config.former_names import with_present_names
from trainables.data.datasets.registry import count_dataset
from trainables.data.sources import DatasetError
from tune_app.command.errors import UsageError
from tune_app.command.options import RunOptions
from tune_app.machine.devices import this_machine
from tune_app.planning.data_request import data_request
from tune_app.record.paths import StudyPaths, study_paths


def resolve_open_values(space: SearchSpace, options: RunOptions) -> dict[str, Scalar]:
    """What stands for ``precision="auto"`` and for the number of classes.

    A study that exists keeps what it began with: the same trials on another machine are the same
    trials.
    """
    stored = {} if options.fresh else stored_resolution(study_paths(options, space.name))
    precision = stored.get("precision") or _precision(options)
    return {"precision": precision, "classes": _classes(space, options)}


def stored_identity(paths: StudyPaths) -> dict[str, Any]:
    """``identity`` of the study's study.json; empty where none can be read."""
    try:
        identity = json.loads(paths.study.read_text(encoding="utf-8"))["identity"]
        return with_present_names(identity)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def stored_resolution(paths: StudyPaths) -> dict[str, Any]:
    """What the study put for open values when it began; empty where there is none."""
    return dict(stored_identity(paths).get("resolved") or {})


def _precision(options: RunOptions) -> str:
    return resolve_precision("auto", gpu=_on_gpus(options), cpu_flags=read_cpu_flags())


def _on_gpus(options: RunOptions) -> bool:
    if options.gpus_per_trial == 0:
        return False
    # the driver of a cluster need not have a card itself
    return this_machine().gpus > 0 or bool(options.address and options.gpus_per_trial)


def _classes(space: SearchSpace, options: RunOptions) -> int:
    try:
        return count_dataset(data_request(space.fixed, options)).classes
    except DatasetError as problem:
        raise UsageError([str(problem)]) from problem
