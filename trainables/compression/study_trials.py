"""A study's trials that have checkpoints, and what its study.json says; imports no torch."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from trainables.config.checkpoint_place import STATE, study_checkpoints
from trainables.files.filesystem import filesystem, list_folder
from trainables.files.storage import is_uri, no_study_folder
from trainables.files.study_folder import STUDY, TRAINED_ALONE
from trainables.text.count import first_few, plural
from trainables.text.suggestion import nearest_few

MAX_LISTED = 5
LIMITS = {"max_parameters": (int,), "max_macs": (int, float)}
"""A study's options that limit networks, with the types of their values."""


class TrialError(ValueError):
    """There is no such trial, or it cannot be used; the message says what to do."""


def find_storage(study: Path) -> str:
    """The place of a study's checkpoints: the one in its study.json, or else its own folder.

    Raises:
        TrialError: where there is no such study.
    """
    return study_checkpoints(study, study_information(study))


def find_data_dir(study: Path) -> Path | None:
    """The data folder that the study was run with; None if it named none, or it is not here."""
    options = _options(study)
    folder = options.get("data_dir") or options.get("download")
    return Path(folder) if isinstance(folder, str) and Path(folder).is_dir() else None


def find_limits(study: Path) -> dict[str, float]:
    """The limits of size that the study set: ``max_parameters``, ``max_macs``; only those."""
    options = _options(study)
    limits = {name: options[name] for name in LIMITS if options.get(name) is not None}
    for name, limit in limits.items():
        if type(limit) not in LIMITS[name] or not 0 < limit < math.inf:
            number = "whole number" if LIMITS[name] == (int,) else "number"
            raise TrialError(
                f"{study / STUDY}: {name} must be a {number} above 0, got {limit!r}; "
                "restore the file"
            )
    return limits


def skips_files(study: Path) -> bool:
    """Whether a study goes on without the images that cannot be read."""
    return bool(_options(study).get("skip_unreadable"))


def _options(study: Path) -> dict[str, Any]:
    options = study_information(study).get("options")
    return options if isinstance(options, dict) else {}


def study_information(study: Path) -> dict[str, Any]:
    """The content of study.json, empty where there is none; TrialError where there is no study."""
    if not study.is_dir():
        raise TrialError(no_study_folder(study))
    try:
        return dict(json.loads((study / STUDY).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError) as problem:
        raise TrialError(f"{study / STUDY} is not valid JSON ({problem}); restore it") from problem


def check_trial(study: Path, trial_id: str) -> None:
    """Checks that a folder on this machine has checkpoints of the trial, or, unnamed, of one alone.

    Raises:
        TrialError: where it has not; names the nearest.
    """
    storage = find_storage(study)
    alone = (study, study / TRAINED_ALONE, study / trial_id / TRAINED_ALONE)
    if is_uri(storage) or any((folder / STATE).is_file() for folder in alone):
        return
    if not trial_id:
        only_trial(study, storage)
    elif trial_id not in _trials(storage):
        raise TrialError(unknown_trial(study, storage, trial_id))


def only_trial(study: Path, storage: str) -> str:
    """The id of a study's only trial; TrialError where there are others, or none."""
    trials = _trials(storage)
    if len(trials) == 1:
        return trials[0]
    if not trials:
        raise TrialError(unknown_trial(study, storage, ""))
    listed = first_few(trials, MAX_LISTED)
    raise TrialError(f"{study} has {len(trials)} trials; name one of {listed}")


def unknown_trial(study: Path, storage: str, trial_id: str) -> str:
    """What to say of a trial without checkpoints."""
    trials = _trials(storage)
    if not trials:
        return f"{study} has no checkpoints in {storage}: let one of its trials finish an epoch"
    nearest = nearest_few(trial_id, trials, likeness=0.3) or trials[:3]
    return (
        f"{study} has no checkpoint of trial {trial_id!r}; of its {plural(len(trials), 'trial')} "
        f"with checkpoints the nearest are {', '.join(nearest)}; python -m analysis best copies "
        "that of the best run that has one"
    )


def _trials(storage: str) -> list[str]:
    from pyarrow import fs  # takes a quarter of a second, which --plan does not need

    system, root = filesystem(storage)
    infos = list_folder(system, root)
    folders = (info.base_name for info in infos if info.type == fs.FileType.Directory)
    return sorted(name for name in folders if name[:1] != ".")
