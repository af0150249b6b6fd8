"""Compares two studies."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from analysis.claims.claim import p_cell, points
from analysis.commands.arguments import AsJson, print_json, print_text
from analysis.commands.terminal import table_text
from analysis.study.compare import compare, differences
from analysis.study.matching_trials import would_have_won
from analysis.study.study import Study, load_study
from trainables.text.count import plural
from trainables.text.table import WIDTH, shorten_apart

First = Annotated[Path, typer.Argument(metavar="A", help="A study folder.")]
Second = Annotated[Path, typer.Argument(metavar="B", help="Another.")]


def run(a: First, b: Second, as_json: AsJson = False) -> None:
    """Prints shared configurations with their differences, and all other differences."""
    first, second = load_study(a), load_study(b)
    frame, other = compare(first, second), differences(first, second)
    if as_json:
        document = {
            "configurations": frame.to_dict("records"),
            "differences": other.to_dict("records"),
        }
        print_json(document)
    else:
        print_text(comparison_text(first, second, frame, other))


def comparison_text(a: Study, b: Study, frame: pd.DataFrame, other: pd.DataFrame) -> str:
    """The comparison as text: results, then all other differences."""
    lines = [f"a: {a.folder}", f"b: {b.folder}", ""]
    found = plural(len(frame), "configuration")
    lines.append(f"{found} finished in both (b − a in points, 95 % interval)")
    if len(frame):
        table = pd.DataFrame(
            {
                "configuration": shorten_apart(list(frame["label"]), 32),
                "n": [f"{x}, {y}" for x, y in zip(frame["n_a"], frame["n_b"], strict=True)],
                "b − a": [points(value, signed=True) for value in frame["difference"]],
                "interval": [_interval(row.low, row.high) for row in frame.itertuples()],
                "p (Holm)": [p_cell(p) for p in frame["p_holm"]],
            }
        )
        lines.append(table_text(table))
        identical_runs = int(frame["same_runs"].sum())
        if identical_runs:
            lines.append(f"identical in both, to the last bit: {plural(identical_runs, 'run')}")
    lines += _stopped_lines(a, b)
    lines += ["", "differences"]
    for row in other.itertuples():
        lines += textwrap.wrap(f"{row.what}: {row.a or '(none)'} | {row.b or '(none)'}", WIDTH)
    return "\n".join(lines if len(other) else [*lines, "(none except the results)"])


def _stopped_lines(a: Study, b: Study) -> list[str]:
    """Lines on trials that one study stopped and the other finished."""
    lines = []
    for first, second, names in ((a, b, "ab"), (b, a, "ba")):
        frame = would_have_won(first, second)
        if len(frame):
            text = f"{plural(len(frame), 'trial')} stopped in {names[0]} and finished in {names[1]}"
            lines.append(f"{text}: {int(frame['won'].sum())} of them would have won {names[0]}")
    return lines


def _interval(low: float, high: float) -> str:
    return "" if math.isnan(low) else f"{points(low, signed=True)} to {points(high, signed=True)}"
