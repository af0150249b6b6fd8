"""The frames of a ledger, as pure functions of ``Columns``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analysis.record.attempts import Attempt, attempts_frame, last_attempts, read_attempts
from analysis.record.columns import Columns
from analysis.record.dtypes import (
    ALIAS_DTYPES,
    DAMAGE_DTYPES,
    INFEASIBLE_DTYPES,
    RUN_DTYPES,
    TRIAL_DTYPES,
    column,
    config_columns,
    typed_frame,
)
from analysis.record.rows import Alias, Closed, Infeasible, Planned, Run, rows_of
from analysis.record.status import TrialStatus

EPOCH_NUMBERS = (
    "train_loss", "train_accuracy", "val_loss", "val_accuracy",
)  # fmt: skip
COSTS = ("train_seconds", "images_per_second", "eval_seconds", "peak_memory_bytes")
TESTS = ("test_loss", "test_accuracy", "val_accuracy_half")
BALANCED = ("val_balanced_accuracy", "test_balanced_accuracy")


@dataclass(frozen=True)
class Tables:
    """The frames of a ledger; everything else is computed from them."""

    trials: pd.DataFrame
    epochs: pd.DataFrame
    aliases: pd.DataFrame
    infeasible: pd.DataFrame
    attempts: pd.DataFrame
    runs: pd.DataFrame
    damage: pd.DataFrame


def build_tables(columns: Columns) -> Tables:
    """All frames of a ledger; open trials are "running", see ``interrupted_unless_held``."""
    planned = _planned(columns)
    names = list(planned)
    codes, numbers, rates, decays = _latest_epochs(columns, names)
    attempts = read_attempts(columns.rows)
    return Tables(
        trials=_trials(list(planned.values()), codes, numbers, attempts),
        epochs=_epochs(names, codes, numbers, rates, decays),
        aliases=_configs(columns.rows, Alias, "same_as", ALIAS_DTYPES),
        infeasible=_configs(
            _still_infeasible(columns.rows, planned.values()),
            Infeasible,
            "reason",
            INFEASIBLE_DTYPES,
        ),
        attempts=attempts_frame(attempts),
        runs=_runs(columns.rows),
        damage=_damage(columns),
    )


def interrupted_unless_held(frame: pd.DataFrame, *, held: bool) -> pd.DataFrame:
    """Trials or attempts; without a driver, running ones count as interrupted."""
    if held or not (frame["status"] == TrialStatus.RUNNING).any():
        return frame
    return frame.assign(
        status=frame["status"].replace(TrialStatus.RUNNING, TrialStatus.INTERRUPTED)
    )


def _planned(columns: Columns) -> dict[str, Planned]:
    """Every trial by id; one that reported without a plan has an empty configuration."""
    planned: dict[str, Planned] = {}
    for row in rows_of(columns.rows, Planned):
        planned.setdefault(row.trial_id, row)
    for name in columns.trials:
        if name not in planned:  # the line that planned it is damaged
            planned[name] = Planned(name, {}, 0, float("nan"), float("nan"))
    return planned


def _latest_epochs(columns: Columns, names: list[str]) -> tuple[np.ndarray, dict, dict, dict]:
    """One row per trial and epoch, of the last attempt, in the order of ``names``."""
    position = {name: index for index, name in enumerate(names)}
    mapping = np.array([position[name] for name in columns.trials], dtype=np.int64)
    codes = mapping[columns.codes] if len(mapping) else columns.codes
    numbers = columns.numbers
    order = np.lexsort((numbers["attempt"], numbers["epoch"], codes))  # stable: written order last
    trial, epoch = codes[order], numbers["epoch"][order]
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (trial[1:] != trial[:-1]) | (epoch[1:] != epoch[:-1])
    kept = order[last]
    pick = lambda arrays: {name: values[kept] for name, values in arrays.items()}  # noqa: E731
    return codes[kept], pick(numbers), pick(columns.learning_rates), pick(columns.weight_decays)


def _epochs(
    names: list[str], codes: np.ndarray, numbers: dict, rates: dict, decays: dict
) -> pd.DataFrame:
    ids = pa.array(names, type=pa.large_string()).take(pa.array(codes))
    data: dict[str, Any] = {
        "trial_id": pd.array(ids, dtype="str"),
        "epoch": numbers["epoch"].astype(np.int64),
        **{name: numbers[name] for name in EPOCH_NUMBERS},
        **{f"learning_rate_{group}": values for group, values in rates.items()},
        **{f"weight_decay_{group}": values for group, values in decays.items()},
        **{name: numbers[name] for name in COSTS + TESTS + BALANCED},
        "attempt": numbers["attempt"].astype(np.int64),
        "time": numbers["time"],
    }
    return pd.DataFrame(data)


def _trials(
    planned: list[Planned], codes: np.ndarray, numbers: dict, attempts: list
) -> pd.DataFrame:
    count = len(planned)
    standing = _standing(planned, attempts)
    accuracy = numbers["val_accuracy"]
    measured = {
        "epochs_run": _at_last(codes, numbers["epoch"], count, missing=0.0).astype(np.int64),
        "val_accuracy_last": _at_last(codes, accuracy, count),
        "val_accuracy_best": _reduced(np.fmax, codes, accuracy, count),
        "test_accuracy": _at_last(codes, numbers["test_accuracy"], count),
        **{name: _at_last(codes, numbers[name], count) for name in BALANCED},
        "train_seconds": _total(codes, numbers["train_seconds"], count),
    }
    data: dict[str, Any] = {
        "trial_id": [row.trial_id for row in planned],
        **standing,
        **config_columns([row.config for row in planned], whole=True),
        "parameters": [row.parameters for row in planned],
        "macs": [row.macs for row in planned],
        "compression": [row.compression for row in planned],
        **measured,
        "factor_parameters": [row.factor_parameters or None for row in planned],  # old: unknown
        "routes": [" ".join(row.routes) or None for row in planned],
    }
    frame = pd.DataFrame(
        {name: column(data[name], dtype) if isinstance(data[name], list) else data[name]
         for name, dtype in TRIAL_DTYPES.items()}
        | {name: values for name, values in data.items() if name not in TRIAL_DTYPES}
    )  # fmt: skip
    return frame.astype({"epochs_run": "Int64"})


def _at_last(
    codes: np.ndarray, values: np.ndarray, count: int, missing: float = np.nan
) -> np.ndarray:
    """Each trial's value at its last epoch (codes are sorted)."""
    out = np.full(count, missing)
    if len(codes):
        ends = np.flatnonzero(np.append(codes[1:] != codes[:-1], True))
        out[codes[ends]] = values[ends]
    return out


def _total(codes: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(codes, np.nan_to_num(values), count).astype(np.float64)


def _reduced(function: np.ufunc, codes: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    out = np.full(count, np.nan)
    if len(codes):
        starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
        out[codes[starts]] = function.reduceat(values, starts)
    return out


def _standing(planned: list[Planned], attempts: list[Attempt]) -> dict[str, list[Any]]:
    """Status, error, its kind and the number of attempts of every trial."""
    last, counts = last_attempts(attempts), Counter(attempt.trial_id for attempt in attempts)
    deciding = [last.get(row.trial_id) for row in planned]
    return {
        "status": [attempt.outcome if attempt else TrialStatus.NEVER_RAN for attempt in deciding],
        "error": [attempt.error if attempt else None for attempt in deciding],
        "error_kind": [attempt.error_kind if attempt else None for attempt in deciding],
        "attempts": [counts[row.trial_id] for row in planned],
    }


def _configs(rows: Iterable[Any], kind: Any, name: str, dtypes: dict[str, str]) -> pd.DataFrame:
    of_kind = rows_of(rows, kind)
    named = {name: column([getattr(row, name) for row in of_kind], dtypes[name])}
    return pd.DataFrame({**named, **config_columns([row.config for row in of_kind])})


def _still_infeasible(rows: Iterable[Any], planned: Iterable[Planned]) -> list[Infeasible]:
    """The infeasible configurations without a trial: a limit may have been raised since."""
    rows, configs = rows_of(rows, Infeasible), [row.config for row in planned]
    ran: dict[tuple[str, ...], set[tuple[Any, ...]]] = {}
    kept = []
    for row in rows:
        names = tuple(sorted(name for name, value in row.config.items() if value != "auto"))
        if names not in ran:
            ran[names] = {tuple(config.get(name) for name in names) for config in configs}
        if tuple(row.config[name] for name in names) not in ran[names]:
            kept.append(row)
    return kept


def _runs(rows: Iterable[Any]) -> pd.DataFrame:
    runs: list[list[Any]] = []
    for row in rows_of(rows, Run, Closed):
        if isinstance(row, Run):
            runs.append([row.time, None, row.slots, row.host, row.command, None])
        elif runs:
            runs[-1][1], runs[-1][5] = row.time, row.reason
    return typed_frame(runs, RUN_DTYPES)


def _damage(columns: Columns) -> pd.DataFrame:
    rows = [[damage.line, damage.problem, damage.content] for damage in columns.damage]
    return typed_frame(rows, DAMAGE_DTYPES)
