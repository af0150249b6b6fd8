"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="A study folder.")]
Trial = Annotated[
    str, typer.Argument(metavar="[TRIAL]", help="A trial's id; optional if there is one.")
]
DataDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of the data set [default: the study's].")
]
