"""Values that a space leaves open, settled once per study."""

from __future__ import annotations

import json
from pathlib import Path

from search_spaces.domains import Scalar
from search_spaces.space import SearchSpace
from trainables.precision import read_cpu_flags, resolve_precision
from tune_app.devices import this_machine
from tune_app.errors import WrongUse
from tune_app.options import RunOptions
from tune_app.paths import study_paths


def resolve_open_values(space: SearchSpace, options: RunOptions) -> dict[str, Scalar]:
    """What stands for ``precision="auto"`` and for the number of classes.

    A study that exists keeps what it began with: the same trials on another machine are the same
    trials.
    """
    stored = {} if options.fresh else _stored(study_paths(options, space.name).study)
    return {"precision": _precision(options), "classes": _classes(space, options), **stored}


def _stored(study: Path) -> dict[str, Scalar]:
    """``identity.resolved`` of a study.json; nothing where there is none, or none that can be read."""
    try:
        document = json.loads(study.read_text(encoding="utf-8"))
        return dict(document["identity"]["resolved"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _precision(options: RunOptions) -> str:
    wanted = options.gpus_per_trial != 0
    gpu = wanted and (
        this_machine().gpus > 0 or (options.address is not None and bool(options.gpus_per_trial))
    )
    return resolve_precision("auto", gpu=gpu, cpu_flags=read_cpu_flags())


def _classes(space: SearchSpace, options: RunOptions) -> int:
    if space.fixed.get("dataset") != "folder":
        return 10  # CIFAR-10's, and the digits'
    folder = (options.data_dir or Path()) / "train"
    names = [entry for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    if options.data_dir is None or len(names) < 2:
        raise WrongUse(
            [
                f"dataset 'folder' needs --data-dir with train/<class>/ for at least 2 classes, got {options.data_dir}"
            ]
        )
    return len(names)
