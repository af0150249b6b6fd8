"""The report's table of trials: its columns, and each cell as a value and as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.charts.labels import MISSING, distinct
from analysis.study.configurations import configuration_ids
from analysis.study.searched_keys import searched_keys
from trainables.sizes.layer_size import short_routes
from trainables.text.duration import format_duration
from trainables.text.share import percent

if TYPE_CHECKING:
    from analysis.study.study import Study


@dataclass(frozen=True, slots=True)
class Column:
    """One column: ``name`` is its name in filters, ``title`` its header."""

    name: str
    title: str
    hint: str
    numeric: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """``text`` is shown; ``value`` is for sorting and filtering, empty for a missing value."""

    text: str
    value: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """One trial; ``configuration`` is shared by the replicates."""

    trial_id: str
    configuration: str
    status: str
    cells: tuple[Cell, ...]


MEASURED = {
    "val_accuracy_last": ("accuracy", "val. accuracy", "validation accuracy after the last epoch"),
    "test_accuracy": ("test", "TEST accuracy", "accuracy on the test set"),
    "val_balanced_accuracy": (
        "balanced",
        "balanced val.",
        "validation accuracy with each class counted alike, after the last epoch",
    ),
    "test_balanced_accuracy": (
        "balanced_test",
        "balanced TEST",
        "accuracy on the test set with each class counted alike",
    ),
    "parameters": ("parameters", "parameters", "parameters of the whole network"),
    "factor_parameters": (
        "factors",
        "of which factors",
        "parameters of the replaced layers alone; the rest is never decomposed",
    ),
    "compression": ("compression", "of dense", "parameters ÷ those of the dense network"),
    "macs": ("macs", "multiply-adds", "multiply-adds per image"),
    "routes": (
        "routes",
        "routes",
        "the replaced layers in order: f runs its factors, r reconstructs its kernel",
    ),
    "epochs_run": ("epochs", "epochs", "epochs finished"),
    "train_seconds": ("seconds", "time", "training time"),
    "error_kind": ("failure", "failure", "what made it fail"),
}
NOT_KEYS = ("status", *MEASURED)
PERCENT = (
    "val_accuracy_last",
    "test_accuracy",
    "val_balanced_accuracy",
    "test_balanced_accuracy",
    "compression",
)


def trial_table(study: Study) -> tuple[list[Column], list[TableRow]]:
    """The columns that are informative in this study, and a row for each trial, best first."""
    trials = study.trials.sort_values(study.metric, ascending=False, kind="stable")
    measured = [name for name in MEASURED if trials[name].notna().any()]
    used = {MEASURED[name][0] for name in measured}
    keys = [key for key in dict.fromkeys((*searched_keys(study.space), "seed")) if key in trials]
    keys = [
        key for key in keys if key in ("layer", "seed") or trials[key].nunique(dropna=False) > 1
    ]
    if "layer" not in keys:
        keys = ["layer", *keys]
    columns = [Column("status", "status", "how the trial ended", numeric=False)]
    columns += [_key(trials, key, used) for key in keys]
    columns += [_measured(trials, name) for name in measured]
    sources = ["status", *keys, *measured]
    texts = [
        [_cell(name, value) for value in trials[name]]
        if name in NOT_KEYS or not _numeric(trials[name])
        else _numbers(trials[name])
        for name in sources
    ]
    ids = configuration_ids(study.trials).loc[trials.index]
    rows = zip(trials["trial_id"], ids, trials["status"], zip(*texts, strict=True), strict=True)
    return columns, [TableRow(*row) for row in rows]


def _key(trials: pd.DataFrame, key: str, taken: set[str]) -> Column:
    name = f"{key}_given" if key in taken else key
    return Column(name, key.replace("_", " "), f"searched key {key}", _numeric(trials[key]))


def _measured(trials: pd.DataFrame, column: str) -> Column:
    name, title, hint = MEASURED[column]
    return Column(name, title, hint, _numeric(trials[column]))


def _numeric(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _cell(name: str, value: Any) -> Cell:
    if value is None or value is pd.NA or value != value:
        return Cell(MISSING, "")
    if name == "status":
        return Cell(value.replace("_", " "), value)
    if name in PERCENT:
        return Cell(percent(value), f"{value:.12g}")
    if name == "train_seconds":
        return Cell(format_duration(value), f"{value:.6g}")
    if name == "routes":
        letters = short_routes(value.split())
        return Cell(letters, letters)
    if name in ("parameters", "factor_parameters", "macs", "epochs_run"):
        return Cell(f"{value:,.0f}", f"{value:.15g}")
    return Cell(str(value), str(value))


def _numbers(values: pd.Series) -> list[Cell]:
    """The cells of a key: as many digits as tell its values apart, whole numbers in full.

    What is shown is what filters compare with.
    """
    texts = [
        said if pd.isna(value) or value != int(value) else str(int(value))
        for value, said in zip(values, distinct(values), strict=True)
    ]
    return [Cell(text, "" if text == MISSING else text) for text in texts]
