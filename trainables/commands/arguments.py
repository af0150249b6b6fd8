"""Arguments and options that several commands take."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainables.compression.study_trials import TrialError, check_trial
from trainables.config.train_config import TrainConfig
from trainables.data.datasets.registry import unread_options
from trainables.data.sources import DataRequest, DatasetError, existing_dir, requested_data
from trainables.files.file_problem import file_problem, unwritable
from trainables.files.storage import no_study_folder

if TYPE_CHECKING:
    from trainables.compression.trained import Trained  # imports torch

StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="A study folder.")]
Trial = Annotated[
    str, typer.Argument(metavar="[TRIAL]", help="A trial's id; optional if there is one.")
]
THREADS: dict[str, Any] = {"metavar": "N", "min": 1, "max": 1024}
"""Of an option for CPU threads; torch ends the process where the system has not so many."""
DataDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of the data set [default: the study's].")
]


def wrong_places(values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the folders and the trial that are named, before anything is computed."""
    study, data_dir = values.get("study"), values.get("data_dir")
    if study is not None and not study.is_dir():
        yield no_study_folder(study)
    if data_dir is not None:
        yield from _wrong_data_dir(data_dir, values)
    if "out" in values and (values["out"] or study is None or study.is_dir()):
        problem = unwritable(values["out"] or study or Path("results"))
        yield from [problem] if problem else []
    if study is not None and study.is_dir():
        try:
            check_trial(study, values.get("trial") or "")
        except (TrialError, OSError) as wrong:
            yield file_problem(wrong) if isinstance(wrong, OSError) else str(wrong)


def named_dataset(values: Mapping[str, Any]) -> str:
    """The data set that --dataset or --set names; "" where none does."""
    pairs = [text.partition("=") for text in values.get("settings") or ()]
    named = [value.strip() for key, _, value in pairs if key.strip() == "dataset"]
    return values.get("dataset") or next(iter(named), "")


def _wrong_data_dir(data_dir: Path, values: Mapping[str, Any]) -> Iterator[str]:
    """That the data set, where an option names it, reads no folder; else that there is none."""
    name = named_dataset(values)
    try:
        unread = unread_options(DataRequest(name, data_dir=data_dir)) if name else []
        yield from unread
        if not unread:
            existing_dir(data_dir)
    except DatasetError as problem:
        yield str(problem)


def refuse_unread(config: TrainConfig, data_dir: Path | None) -> None:
    """Raises DatasetError for a --data-dir that the data set does not read."""
    for problem in unread_options(requested_data(config, data_dir)):
        raise DatasetError(problem)


def print_notes(trained: Trained) -> None:
    """Prints to stderr what the user should know of the network that was loaded."""
    for note in trained.notes:
        print(f"note: {note}", file=sys.stderr)
