"""Arguments and options that several commands take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainables.config.train_config import TrainConfig
from trainables.data.datasets.registry import unread_options
from trainables.data.sources import DatasetError, requested_data

if TYPE_CHECKING:
    from trainables.compression.trained import Trained  # imports torch

StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="A study folder.")]
Trial = Annotated[
    str, typer.Argument(metavar="[TRIAL]", help="A trial's id; optional if there is one.")
]
DataDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of the data set [default: the study's].")
]


def refuse_unread(config: TrainConfig, data_dir: Path | None) -> None:
    """Raises DatasetError for a --data-dir that the data set does not read."""
    for problem in unread_options(requested_data(config, data_dir)):
        raise DatasetError(problem)


def print_notes(trained: Trained) -> None:
    """Prints to stderr what the user should know of the network that was loaded."""
    for note in trained.notes:
        print(f"note: {note}", file=sys.stderr)
