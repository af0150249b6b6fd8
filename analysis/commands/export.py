"""Writes a table of studies for another program."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from analysis.commands.arguments import print_text
from analysis.record.dtypes import CONFIG_DTYPES
from analysis.record.tables import TableError
from analysis.study.configurations import grid
from analysis.study.confirmation import confirmations
from analysis.study.importances import key_importances
from analysis.study.replicates import pareto_front, replicates
from analysis.study.rungs import reached_rungs
from analysis.study.study import Study, load_study
from trainables.files.whole_file import whole_file
from trainables.text.markdown import markdown

FORMATS = ("csv", "parquet", "json", "md")

TABLES: dict[str, Callable[[Study], pd.DataFrame]] = {
    "trials": lambda study: study.trials,
    "epochs": lambda study: study.epochs,
    "aliases": lambda study: study.aliases,
    "grid": grid,
    "replicates": replicates,
    "confirmations": confirmations,
    "pareto": pareto_front,
    "rungs": reached_rungs,
    "importances": key_importances,
    "attempts": lambda study: study.attempts,
    "runs": lambda study: study.runs,
    "infeasible": lambda study: study.infeasible,
    "damage": lambda study: study.damage,
}


Studies = Annotated[list[Path], typer.Argument(metavar="STUDY…", help="Study folders.")]
Kind = Annotated[
    str | None,
    typer.Option(
        "--format", metavar=f"{'|'.join(FORMATS)}", help="[default: what --out ends in, else csv]"
    ),
]
Table = Annotated[str, typer.Option(metavar="NAME", help=f"Which table: {', '.join(TABLES)}.")]
Out = Annotated[
    Path | None, typer.Option("--out", "--to", metavar="FILE", help="[default: stdout]")
]


def run(studies: Studies, kind: Kind = None, table: Table = "trials", out: Out = None) -> None:
    """Writes one table of every study."""
    kind = _format(kind, out)
    frame = export_frame([load_study(folder) for folder in studies], table)
    if out is None:
        sys.stdout.write(export_text(frame, kind))
    else:
        write_export(frame, kind, out)
        print_text(f"{len(frame)} rows -> {out}")


def _format(kind: str | None, out: Path | None) -> str:
    """The format: the one that was asked for, else what the file ends in, else csv.

    Raises:
        TableError: where the file's ending is another format's, or that of none and none is asked.
    """
    ending = out.suffix.lower().lstrip(".") if out else ""
    if kind is None:
        if ending and ending not in FORMATS:
            raise TableError(
                f"--out {out}: no table is written as {ending!r}; let the file end in one of "
                f"{', '.join(FORMATS)}, or add --format"
            )
        return ending or "csv"
    if ending in FORMATS and ending != kind:
        raise TableError(f"--format {kind} and --out {out} say different things; keep one of them")
    return kind


def export_frame(studies: Sequence[Study], table: str) -> pd.DataFrame:
    """One table of every study; for several studies with the study's name as first column.

    Raises:
        TableError: for an unknown table.
    """
    if table not in TABLES:
        raise TableError(f"unknown table {table!r}: choose from {', '.join(TABLES)}")
    frames = [TABLES[table](study) for study in studies]
    if len(frames) == 1:
        return frames[0]
    names = [study.name for study in studies]
    # studies of equal names are copies, or lie in several results folders
    if len(set(names)) < len(names):
        names = [str(study.folder) for study in studies]
    labelled = [frame.assign(study=name) for frame, name in zip(frames, names, strict=True)]
    combined = pd.concat(labelled, ignore_index=True)
    return combined[["study", *(name for name in combined if name != "study")]]


def export_text(frame: pd.DataFrame, kind: str) -> str:
    """The frame as csv, json (a list of objects) or md (a table)."""
    if kind == "csv":
        return frame.to_csv(index=False)
    if kind == "json":
        return json.dumps(_records(frame), indent=1, ensure_ascii=False) + "\n"
    if kind == "md":
        return _markdown(frame)
    raise TableError(f"{kind!r} is no text: choose from csv, json, md, or give --out a file")


def _records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Rows of plain values with all digits; missing and non-finite values are null."""
    numbers = frame.astype(object).where(frame.notna(), None)
    return [
        {name: _plain(value) for name, value in row.items()} for row in numbers.to_dict("records")
    ]


def _plain(value: object) -> object:
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


def write_export(frame: pd.DataFrame, kind: str, path: Path) -> None:
    """Writes the frame to a file in one of ``FORMATS``."""
    if kind not in FORMATS:
        raise TableError(f"unknown format {kind!r}: choose from {', '.join(FORMATS)}")
    is_pipe = path.exists() and not path.is_file()
    with nullcontext(path) if is_pipe else whole_file(path.resolve()) as draft:
        if kind == "parquet":
            frame.to_parquet(draft, index=False)
        else:
            draft.write_text(export_text(frame, kind), encoding="utf-8")


def _markdown(frame: pd.DataFrame) -> str:
    # a key is read back as it stands: with fewer digits it would be another trial's
    cells = [[_cell(value, exact=name in CONFIG_DTYPES) for value in frame[name]] for name in frame]
    rows = [list(frame), ["---"] * len(frame.columns), *zip(*cells, strict=True)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(value: object, *, exact: bool) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    text = f"{value:.6g}" if isinstance(value, float) and not exact else str(value)
    return markdown(text)
