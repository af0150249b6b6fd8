"""Copies the best trial of a study: its checkpoint and its configuration."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from pyarrow import fs

from analysis.commands.arguments import AnyStudy, ResultsDir, chosen, print_text
from analysis.record.dtypes import DEFAULTS, row_config
from analysis.record.record import RecordError
from analysis.study.best import best_configuration, runs_best_first
from analysis.study.study import Study, load_study
from trainables.config.checkpoint_place import (
    STATE,
    CheckpointName,
    damage,
    study_checkpoints,
)
from trainables.files.filesystem import filesystem, list_folder
from trainables.files.whole_file import write_whole
from trainables.text.share import percent

Out = Annotated[Path, typer.Option("--out", "--to", metavar="DIR", help="A new or empty folder.")]
MaxParameters = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Leave out networks with more parameters."),
]
MaxMacs = Annotated[
    float | None,
    typer.Option(metavar="N", min=1, help="Leave out networks with more multiply-adds per image."),
]


def run(
    out: Out,
    study: AnyStudy = None,
    max_parameters: MaxParameters = None,
    max_macs: MaxMacs = None,
    results_dir: ResultsDir = None,
) -> None:
    """Copies the best trial and prints its id."""
    ours = load_study(chosen(study, results_dir))
    best, notes = copy_best(ours, out, max_parameters, max_macs)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    print_text(f"{best} -> {out}")


def trial_config(trial: pd.Series) -> dict[str, Any]:
    """The trial's TrainConfig as plain JSON values."""
    config = row_config(trial)
    return {name: DEFAULTS[name] if value is None else value for name, value in config.items()}


def copy_best(
    study: Study, to: Path, max_parameters: int | None = None, max_macs: float | None = None
) -> tuple[str, list[str]]:
    """Copies the best trial's last checkpoint that is whole, and ``config.json``, into ``to``.

    Where the configuration's highest run has none, the next one's is copied. ``max_parameters`` and
    ``max_macs`` leave larger networks out.

    Returns:
        The trial's id with its accuracy, and what a user should know: runs and damaged checkpoints
        that were passed over, and that the copy is of an earlier epoch than the accuracy.

    Raises:
        RecordError: where no trial finished, its checkpoint is gone, or ``to`` is not empty.
    """
    best = best_configuration(study, max_parameters, max_macs)
    runs = runs_best_first(study, str(best["configuration"]))
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise RecordError(f"{to} is there already and not an empty folder: name another with --out")
    system, storage = filesystem(study_checkpoints(study.folder, study.info))
    trial, name, notes = _copy_first(system, storage, runs, to)
    if name.epoch < trial["epochs_run"]:
        accuracy = f"the accuracy is that of epoch {trial['epochs_run']:.0f}"
        notes.append(f"{name} is a checkpoint of epoch {name.epoch}; {accuracy}")
    config = json.dumps(trial_config(trial), indent=2)
    write_whole(to / "config.json", config + "\n")
    scored = f"{percent(float(trial[study.metric]))} {study.metric}"
    if best["n"] > 1:
        which = "the highest" if trial["trial_id"] == runs["trial_id"].iloc[0] else "one"
        scored += f", {which} of {best['n']} runs, whose mean is {percent(best['mean'])}"
    return f"{trial['trial_id']} ({scored})", notes


def _copy_first(
    system: Any, storage: str, runs: pd.DataFrame, to: Path
) -> tuple[pd.Series, CheckpointName, list[str]]:
    """The first run that has a checkpoint, which one is copied, and why not those before."""
    missing: list[str] = []
    for _, trial in runs.iterrows():
        try:
            name, notes = _copy_furthest(system, f"{storage}/{trial['trial_id']}", to)
        except RecordError as problem:
            missing.append(str(problem))
            continue
        passed_over = [f"{one}; its run {trial['trial_id']} is copied instead" for one in missing]
        return trial, name, passed_over + notes
    others = "; nor has another run of this configuration one" if len(runs) > 1 else ""
    raise RecordError(missing[0] + others)


def _copy_furthest(system: Any, folder: str, to: Path) -> tuple[CheckpointName, list[str]]:
    """The trial's latest checkpoint whose copy is whole, and why later ones are not."""
    entries = list_folder(system, folder)
    candidates = [(CheckpointName.parse(entry.base_name), entry.path) for entry in entries]
    complete = [
        (name, path)
        for name, path in candidates
        if name and system.get_file_info(f"{path}/{STATE}").type == fs.FileType.File
    ]
    damaged: list[str] = []
    for name, path in sorted(complete, reverse=True):
        to.mkdir(parents=True, exist_ok=True)
        fs.copy_files(
            path,
            str(to.absolute()),
            source_filesystem=system,
            destination_filesystem=fs.LocalFileSystem(),
        )
        if not (problem := _damage(to)):
            return name, [f"{one}: {name} is copied instead" for one in damaged]
        damaged.append(f"{path} is damaged: {problem}")
        shutil.rmtree(to)
    if damaged:
        raise RecordError("; ".join(damaged))
    text = f"{folder} holds no checkpoint, a folder such as e24-a1 with a {STATE}: "
    raise RecordError(text + "it was not kept, or lies elsewhere")


def _damage(folder: Path) -> str:
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        return damage(folder, state).partition(": ")[2]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        return f"{type(problem).__name__}: {problem}"
