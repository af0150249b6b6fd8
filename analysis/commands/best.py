"""Copies the best trial of a study: its checkpoint and its configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from pyarrow import fs

from analysis.commands.arguments import AnyStudy, ResultsDir, chosen, print_text
from analysis.record.dtypes import CONFIG_KEYS, RENAMED
from analysis.record.record import RecordError
from analysis.study.best import best_trial
from analysis.study.configurations import DEFAULTS
from analysis.study.study import Study, load_study
from trainables.config.checkpoint_place import STATE, CheckpointName, study_checkpoints
from trainables.files.filesystem import filesystem

Out = Annotated[Path, typer.Option("--out", "--to", metavar="DIR", help="A new or empty folder.")]
MaxParameters = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Leave out networks with more parameters."),
]


def run(
    out: Out,
    study: AnyStudy = None,
    max_parameters: MaxParameters = None,
    results_dir: ResultsDir = None,
) -> None:
    """Copies the best trial and prints its id."""
    best = copy_best(load_study(chosen(study, results_dir)), out, max_parameters)
    print_text(f"{best} -> {out}")


def trial_config(trial: pd.Series) -> dict[str, Any]:
    """The trial's TrainConfig as plain JSON values."""
    values = {name: trial.get(RENAMED.get(name, name)) for name in CONFIG_KEYS}
    plain = {name: _plain(value) for name, value in values.items()}
    return {
        name: DEFAULTS.get(RENAMED.get(name, name)) if value is None else value
        for name, value in plain.items()
    }


def _plain(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


def copy_best(study: Study, to: Path, max_parameters: int | None = None) -> str:
    """Copies the best trial's last checkpoint and ``config.json`` into ``to``; returns its id.

    ``max_parameters`` leaves larger networks out.

    Raises:
        RecordError: where no trial finished, its checkpoint is gone, or ``to`` is not empty.
    """
    trial = best_trial(study, max_parameters)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise RecordError(f"{to} is there already and not an empty folder: name another with --out")
    system, storage = filesystem(study_checkpoints(study.folder, study.info))
    source = _furthest(system, f"{storage}/{trial['trial_id']}")
    to.mkdir(parents=True, exist_ok=True)
    local = fs.LocalFileSystem()
    fs.copy_files(
        source, str(to.absolute()), source_filesystem=system, destination_filesystem=local
    )
    config = json.dumps(trial_config(trial), indent=2)
    (to / "config.json").write_text(config + "\n", encoding="utf-8")
    return f"{trial['trial_id']} ({float(trial[study.metric]):.4f} {study.metric})"


def _furthest(system: Any, folder: str) -> str:
    """The trial's latest whole checkpoint."""
    entries = system.get_file_info(fs.FileSelector(folder, allow_not_found=True))
    candidates = [(CheckpointName.parse(entry.base_name), entry.path) for entry in entries]
    whole = [
        (name, path)
        for name, path in candidates
        if name and system.get_file_info(f"{path}/{STATE}").type == fs.FileType.File
    ]
    if not whole:
        text = f"{folder} holds no checkpoint, a folder such as e24-a1 with a {STATE}: "
        raise RecordError(text + "it was not kept, or lies elsewhere")
    return str(max(whole)[1])
