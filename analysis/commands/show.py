"""Shows one trial of a study."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from analysis.commands.arguments import (
    RESULTS,
    AsJson,
    ResultsDir,
    only_without_a_study,
    print_json,
    print_text,
)
from analysis.commands.best import trial_config
from analysis.commands.terminal import table_text
from analysis.record.dtypes import plain
from analysis.record.tables import TableError
from analysis.study.status import find_trial, study_of
from analysis.study.study import Study, load_study
from trainables.config.parsing import written
from trainables.text.count import plural
from trainables.text.duration import format_duration
from trainables.text.share import percent
from trainables.text.table import WIDTH

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="[STUDY] TRIAL",
        help="A trial's id or a part of it. Without a study, the first one that has such a trial.",
    ),
]


def run(words: Words, results_dir: ResultsDir = None, as_json: AsJson = False) -> None:
    """Prints a trial."""
    folder, trial = _study_and_trial(words)
    if folder:
        only_without_a_study(folder, results_dir)
    study = load_study(folder) if folder else study_of(trial, results_dir or RESULTS)
    row = find_trial(study, trial)
    if as_json:
        print_json(trial_record(study, row))
    else:
        print_text(trial_text(study, row))


def _study_and_trial(words: list[str]) -> tuple[Path | None, str]:
    """The study, if one is named, and the trial; the former order TRIAL STUDY is accepted."""
    if len(words) > 2:
        raise TableError(f"show takes [STUDY] TRIAL, got {len(words)} words: {' '.join(words)}")
    if len(words) == 1 and Path(words[0]).is_dir():
        raise TableError(
            f"show needs a trial: {words[0]} is a folder; name one of its trials after it, by its "
            "id or a part of it"
        )
    if len(words) == 1:
        return None, words[0]
    first, last = words
    if Path(last).is_dir() and not Path(first).is_dir():
        return Path(last), first
    return Path(first), last


def trial_text(study: Study, trial: pd.Series) -> str:
    """A trial as text: its status, configuration, epochs and errors."""
    name = str(trial["trial_id"])
    lines = [f"{name}: {trial['status']}, {trial['epochs_run']} of {trial['epochs']} epochs"]
    tries = plural(int(trial["attempts"]), "attempt")
    share = percent(float(trial["compression"]))
    facts = {
        "parameters": f"{int(trial['parameters']):,} ({share} of dense)",
        "macs": f"{float(trial['macs']):,.0f} multiply-adds per image",
        "trained": f"{format_duration(float(trial['train_seconds']))} in {tries}",
    }
    lines += [f"{what:<11}{fact}" for what, fact in facts.items()]
    lines += ["", *_config_lines(trial)]
    epochs = study.epochs[study.epochs["trial_id"] == name]
    if len(epochs):
        lines += ["", *_epoch_lines(epochs)]
    if isinstance(trial["error"], str):
        lines += ["", f"{trial['error_kind']}:", trial["error"].rstrip()]
    return "\n".join(lines)


def _config_lines(trial: pd.Series) -> list[str]:
    """The keys as ``--set`` takes them, with all their digits."""
    config = trial_config(trial)
    pairs = [f"{key}={written(value)}" for key, value in config.items() if value not in (None, "")]
    return textwrap.wrap(" ".join(pairs), WIDTH, break_on_hyphens=False, break_long_words=False)


def _epoch_lines(epochs: pd.DataFrame) -> list[str]:
    names = ["epoch", "train_loss", "val_loss", "train_accuracy", "val_accuracy", "train_seconds"]
    table = epochs[names].dropna(axis="columns", how="all").round(4)
    return table_text(table).split("\n")


def trial_record(study: Study, trial: pd.Series) -> dict[str, Any]:
    """A trial as plain values: its row, its attempts and its epochs."""
    name = trial["trial_id"]
    values = {column: plain(value) for column, value in trial.items()}
    tables = {"attempts": study.attempts, "epochs": study.epochs}
    for column, frame in tables.items():
        rows = frame[frame["trial_id"] == name].drop(columns="trial_id")
        values[f"{column}_rows"] = [
            {key: plain(value) for key, value in row.items()} for row in rows.to_dict("records")
        ]
    return {str(column): value for column, value in values.items()}
