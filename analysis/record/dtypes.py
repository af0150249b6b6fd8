"""The columns of the frames that describe trials: names, order and types, with or without rows."""

from __future__ import annotations

import itertools
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import pandas as pd

from trainables.config.train_config import TrainConfig

KINDS = {str: "str", int: "Int64", float: "float64", bool: "boolean"}

RENAMED = {"parameters": "parameters_budget", "compression": "compression_budget"}
"""Configuration keys whose names are taken by the network's own columns, with their columns."""


def _kind(hint: Any) -> str:
    plain = [kind for kind in typing.get_args(hint) if kind is not types.NoneType]
    return KINDS[plain[0] if isinstance(hint, types.UnionType) else hint]


CONFIG_KEYS: tuple[str, ...] = tuple(TrainConfig.__dataclass_fields__)

CONFIG_DTYPES: dict[str, str] = {
    RENAMED.get(name, name): _kind(hint)
    for name, hint in typing.get_type_hints(TrainConfig).items()
}
"""A column for every key of TrainConfig."""

TRIAL_DTYPES: dict[str, str] = {
    "trial_id": "str",
    "status": "str",
    **CONFIG_DTYPES,
    "parameters": "Int64",
    "macs": "float64",
    "compression": "float64",
    "epochs_run": "Int64",
    "val_accuracy_last": "float64",
    "val_accuracy_best": "float64",
    "test_accuracy": "float64",
    "val_balanced_accuracy": "float64",
    "test_balanced_accuracy": "float64",
    "train_seconds": "float64",
    "error": "str",
    "factor_parameters": "Int64",
    "routes": "str",
    "attempts": "Int64",
    "error_kind": "str",
}

ALIAS_DTYPES: dict[str, str] = {"same_as": "str", **CONFIG_DTYPES}

INFEASIBLE_DTYPES: dict[str, str] = {"reason": "str", **CONFIG_DTYPES}

ATTEMPT_DTYPES: dict[str, str] = {
    "trial_id": "str",
    "attempt": "Int64",
    "started": "float64",  # seconds since the epoch, UTC
    "ended": "float64",  # NaN while it runs, and where its end was not recorded
    "status": "str",
    "from_epoch": "Int64",
    "to_epoch": "Int64",
    "error_kind": "str",
    "error": "str",
    "retry": "boolean",
    "host": "str",
    "device": "str",
    "threads": "Int64",
    "code": "str",
}

RUN_DTYPES: dict[str, str] = {
    "started": "float64",
    "ended": "float64",
    "slots": "Int64",
    "host": "str",
    "command": "str",
    "reason": "str",
}

DAMAGE_DTYPES: dict[str, str] = {"line": "Int64", "problem": "str", "content": "str"}


def column(values: Iterable[Any], dtype: Any) -> Any:
    """The values as an array of a dtype; None is missing."""
    values = list(values)
    if len(values) > 1 and values.count(values[0]) == len(values):  # as most keys of a study are
        return column(values[:1], dtype).repeat(len(values))
    try:
        return pd.array(values, dtype=dtype)
    except (TypeError, ValueError, OverflowError):
        # written by a version in which the key had another type
        return pd.array([None if value is None else str(value) for value in values], dtype="str")


def typed_frame(rows: Sequence[Sequence[Any]], dtypes: dict[str, str]) -> pd.DataFrame:
    """A frame of rows given in the order of ``dtypes``."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(dtypes)
    return pd.DataFrame(
        {
            name: column(values, dtype)
            for (name, dtype), values in zip(dtypes.items(), columns, strict=True)
        }
    )


DEFAULTS: dict[str, Any] = {
    name: key.default for name, key in TrainConfig.__dataclass_fields__.items()
}


def plain(value: Any) -> Any:
    """A value of a frame as plain Python; None for a missing one."""
    if value is None or value is pd.NA or value != value:
        return None
    return value.item() if hasattr(value, "item") else value


def row_config(row: Mapping[str, Any] | pd.Series) -> dict[str, Any]:
    """Every key of TrainConfig in a frame's row, as plain Python; None where it has no value."""
    return {name: plain(row.get(RENAMED.get(name, name))) for name in CONFIG_KEYS}


def _known(configs: Sequence[dict[str, Any]], *, whole: bool) -> Sequence[Sequence[Any]]:
    """The values of each of CONFIG_KEYS; a key that a ``whole`` one lacks is at its default."""
    known: list[Any]
    try:
        known = list(zip(*map(itemgetter(*CONFIG_KEYS), configs), strict=True))
    except KeyError:  # of a version that lacked a key
        known = []
    return known or [
        [config.get(name, DEFAULTS[name] if whole and config else None) for config in configs]
        for name in CONFIG_KEYS
    ]


def config_columns(configs: Sequence[dict[str, Any]], *, whole: bool = False) -> dict[str, Any]:
    """A column for every key of TrainConfig, and for every other key that a configuration has.

    ``whole`` configurations were resolved: a key that was not there yet when they were written had
    its default.
    """
    known = set(CONFIG_KEYS)
    names = dict.fromkeys(itertools.chain.from_iterable(dict.fromkeys(map(tuple, configs))))
    columns = {
        name: column(values, dtype)
        for (name, dtype), values in zip(
            CONFIG_DTYPES.items(), _known(configs, whole=whole), strict=True
        )
    }
    for name in (name for name in names if name not in known):
        columns[name] = pd.Series([config.get(name) for config in configs]).array
    return columns
