"""Arguments and options of several commands, and the printing of results."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from analysis.record.record import RecordError
from analysis.study.status import find_studies

Study = Annotated[Path, typer.Argument(metavar="STUDY", help="A study folder.")]
AnyStudy = Annotated[
    Path | None,
    typer.Argument(metavar="[STUDY]", help="A study folder; default: the one last written to."),
]
ResultsDir = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder that holds the studies [default: results]."),
]
RESULTS = Path("results")
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def chosen(study: Path | None, results_dir: Path | None) -> Path:
    """The named study, or the latest written one.

    Raises:
        RecordError: where there is none, or for --results-dir beside a named study.
    """
    if study is not None:
        only_without_a_study(study, results_dir)
        return study
    results_dir = results_dir or RESULTS
    studies = find_studies(results_dir)
    if not studies:
        raise RecordError(f"no studies in {results_dir}; name a study folder, or --results-dir")
    return studies[0]


def only_without_a_study(study: Path, results_dir: Path | None) -> None:
    """Raises RecordError for --results-dir beside a named study, on which it has no effect."""
    if results_dir is not None:
        raise RecordError(
            f"--results-dir {results_dir} is searched where no study is named, and {study} is: "
            "keep one of them"
        )


def print_text(text: str) -> None:
    """Prints a text with one line end."""
    sys.stdout.write(text.rstrip("\n") + "\n")


def print_json(value: Any) -> None:
    """Prints one JSON object; missing and non-finite values are null."""
    print_text(json.dumps(_plain(value), indent=2))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, str | bool | int):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else None
