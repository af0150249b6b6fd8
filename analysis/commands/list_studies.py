"""Lists the studies in a results folder."""

from __future__ import annotations

import math

import pandas as pd

from analysis.commands.arguments import RESULTS, AsJson, ResultsDir, print_json, print_text
from analysis.commands.terminal import table_text
from analysis.study.status import studies_frame
from trainables.text.moment import format_moment
from trainables.text.share import percent


def run(results_dir: ResultsDir = None, as_json: AsJson = False) -> None:
    """Prints one line per study."""
    results_dir = results_dir or RESULTS
    frame = studies_frame(results_dir)
    if as_json:
        print_json(frame.to_dict("records"))
    elif len(frame):
        print_text(studies_text(frame))
    else:
        print_text(f"no studies in {results_dir}; --results-dir names another folder")


def studies_text(frame: pd.DataFrame) -> str:
    """One line per study."""
    table = pd.DataFrame(
        {
            "study": frame["study"],
            "state": frame["state"],
            "finished": [
                f"{a}/{b}" for a, b in zip(frame["finished"], frame["trials"], strict=True)
            ],
            "best": [_percent(value) for value in frame["best_accuracy"]],
            "last heard of": [_when(value) for value in frame["seen"]],
        }
    )
    return table_text(table)


def _percent(fraction: float) -> str:
    return "" if math.isnan(fraction) else percent(fraction)


def _when(seconds: float) -> str:
    return "" if math.isnan(seconds) else format_moment(seconds)
