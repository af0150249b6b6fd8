"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="A study folder.")]
Trial = Annotated[
    str, typer.Argument(metavar="[TRIAL]", help="A trial's id; the only one need not be named.")
]
DataDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where the data set lies [default: the study's].")
]
