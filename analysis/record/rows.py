"""The rows of the ledger: one JSON object per line, each of which states an event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec.structs import force_setattr

from analysis.record.status import ENDS, TrialStatus
from trainables.config.former_names import (
    present_name,
    with_present_layers,
    with_present_values,
)
from trainables.config.train_config import complete_config

FORMAT = 1
"""Raised when a reader of this version could misread what is written."""

FailureKind = Literal[
    "out_of_memory",
    "exception",
    "lost_worker",
    "lost_node",
    "low_memory",
    "full_disk",
    "storage",
    "timeout",
    "unfit_node",
    "drained_node",
]


class Row(
    msgspec.Struct,
    frozen=True,
    tag_field="type",
    omit_defaults=True,
    forbid_unknown_fields=False,
    gc=False,  # JSON has no cycles; tracking takes a quarter of the time
):
    """One line of the ledger. ``time`` is in seconds since the epoch (UTC)."""


class Opened(Row, frozen=True, tag="opened"):
    """The first line, which identifies the file. ``study_id`` is random ("" in old ledgers)."""

    format: int
    name: str
    time: float
    study_id: str = ""


class Run(Row, frozen=True, tag="run"):
    """A driver started to work on the study; ``slots`` is the number of concurrent trials."""

    time: float
    command: str
    slots: int
    host: str = ""


class Planned(Row, frozen=True, tag="trial"):
    """A trial enters the study. ``config`` holds every key of TrainConfig with its resolved value.

    ``macs`` counts multiply-adds per image of the routes that the layers take at this batch size,
    ``factor_parameters`` the replaced layers' parameters alone, ``compression`` parameters over
    those of the dense network of the same width.
    """

    trial_id: str
    config: dict[str, Any]
    parameters: int
    macs: float
    compression: float
    factor_parameters: int = 0
    routes: tuple[str, ...] = ()
    time: float = 0.0
    search: str = ""

    def __post_init__(self) -> None:
        if self.config:  # False for a placeholder, where the plan is lost
            _check_values(self.config)
            force_setattr(self, "config", complete_config(self.config))
        routes = tuple(present_name("routes", route) for route in self.routes)
        force_setattr(self, "routes", routes)


LEAST = {"seed": 0, "epochs": 1, "classes": 1, "validation_images": 0}
"""Keys of a configuration that a search computes with, and the minimum of each."""


def _check_values(config: dict[str, Any]) -> None:
    """Raises ValueError for values that no version writes: the line is then damaged."""
    for name, value in config.items():
        kind = type(value)
        if kind not in (str, int, float, bool, type(None)) or (
            kind is int and not -(2**63) <= value < 2**63
        ):
            raise ValueError(f"{name} cannot be {value!r}")
    for name, least in LEAST.items():
        value = config.get(name, least)
        is_left_out = value is None and name == "validation_images"
        if not is_left_out and (type(value) is not int or value < least):
            raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")


class Alias(Row, frozen=True, tag="alias"):
    """Another way of writing a planned trial; ``config`` holds the keys as written."""

    config: dict[str, Any]
    same_as: str

    def __post_init__(self) -> None:
        force_setattr(self, "config", with_present_values(self.config))


class Infeasible(Row, frozen=True, tag="infeasible"):
    """A configuration that cannot run, with the reason."""

    config: dict[str, Any]
    reason: str

    def __post_init__(self) -> None:
        force_setattr(self, "config", with_present_values(self.config))
        force_setattr(self, "reason", with_present_layers(self.reason))


class Started(Row, frozen=True, tag="started"):
    """An attempt took a slot, and continues after ``epoch`` finished epochs (0: at the start).

    ``threads`` is the number of CPU threads; 0 in old ledgers.
    """

    trial_id: str
    attempt: int
    time: float
    epoch: int = 0
    host: str = ""
    device: str = ""
    threads: int = 0


class EpochResult(Row, frozen=True, tag="epoch"):
    """The fields of a finished epoch that a search needs."""

    trial_id: str
    attempt: int
    time: float
    epoch: int
    train_loss: float | None
    train_accuracy: float
    val_loss: float | None = None
    val_accuracy: float | None = None
    train_seconds: float = 0.0
    eval_seconds: float = 0.0
    images_per_second: float = 0.0
    peak_memory_bytes: int | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    val_accuracy_half: float | None = None
    val_balanced_accuracy: float | None = None
    test_balanced_accuracy: float | None = None


class Epoch(EpochResult, frozen=True, tag="epoch"):
    """One finished epoch; the fields are those of ``trainables.config.metrics.EpochMetrics``."""

    learning_rates: dict[str, float] = {}
    weight_decays: dict[str, float] = {}


class Ended(Row, frozen=True, tag="ended"):
    """An attempt ended after ``epoch`` finished epochs in all.

    ``retry`` tells whether another attempt will follow; ``kind`` and ``error`` (a traceback) are
    set when it failed. ``code`` is the code path that trained it
    (``trainables.compiled.code_path``), "" where unknown.
    """

    trial_id: str
    attempt: int
    time: float
    status: TrialStatus
    epoch: int
    kind: FailureKind | None = None
    error: str | None = None
    retry: bool = False
    code: str = ""

    def __post_init__(self) -> None:
        if self.status not in ENDS:
            raise ValueError(f"an attempt ends with one of {', '.join(ENDS)}, got {self.status}")


class Closed(Row, frozen=True, tag="closed"):
    """The driver closed the study, for ``reason``."""

    time: float
    reason: str


OtherRow = Opened | Run | Planned | Alias | Infeasible | Started | Ended | Closed
AnyRow = Epoch | OtherRow
SearchRow = EpochResult | OtherRow
"""A row for a search, with epochs without their rates; includes every ``AnyRow``."""


def rows_of(rows: Iterable[Any], *kinds: type[Row]) -> list[Any]:
    """The rows of these kinds, by exact type: isinstance takes six times as long."""
    return [row for row in rows if type(row) in kinds]
