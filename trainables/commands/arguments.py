"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainables.config.train_config import TrainConfig
from trainables.data.datasets.registry import unread_options
from trainables.data.sources import DatasetError, requested_data

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
