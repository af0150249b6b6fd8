"""Writes charts for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from analysis.commands.arguments import Study, print_text
from analysis.report.rendered import write_figures
from analysis.study.study import load_study
from trainables.files.study_folder import FIGURES

Charts = Annotated[
    list[str] | None, typer.Argument(metavar="[CHART…]", help="Charts [default: all]")
]
Kind = Annotated[str, typer.Option("--format", metavar="pdf|svg|png", help="File format.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "--to", metavar="DIR", help="[default: the study's figures/]"),
]


def run(study: Study, charts: Charts = None, kind: Kind = "pdf", out: Out = None) -> None:
    """Writes charts; prints their paths, and the reasons for charts that are missing."""
    for written in write_figures(load_study(study), charts or [], kind, out or study / FIGURES):
        if isinstance(written, Path):
            print_text(str(written))
        else:
            print_text(f"no {written.name}: {written.reason}")
