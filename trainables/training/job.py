"""A worker's job: one attempt at a trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STOP_FILE = "STOP"
"""A file of this name in a study's storage asks every worker of it to save and end."""

LEAVE_FILE = "LEAVE"
"""``LEAVE-a3`` beside a trial's checkpoints asks its attempt 3 to save and make way: the machine
that it runs on is about to be taken away."""


class HostLeavingError(RuntimeError):
    """The trial has saved and makes way: its machine is about to be taken away.

    Ray ends a worker that raises, so that no other trial gets it. The driver reads the error back,
    and finds it here without torch.
    """


class UnfitNodeError(RuntimeError):
    """A machine that cannot train, or would to other numbers or on another device.

    No fault of the trial. Defined here for nodes on which torch cannot be imported.
    """


@dataclass(frozen=True, slots=True)
class TrialJob:
    """One attempt: what to train, where to go on, how to behave.

    Its values are plain, so that Ray can carry it.

    config: every key of TrainConfig.
    attempt: counts the starts of this trial, from 0; every checkpoint's name bears it.
    known_epochs: epochs whose metrics the driver has; later ones of a checkpoint are reported
    again.
    storage: folder or URI of checkpoints, the same for every trial of the study.
    threads: CPU threads of the trial.
    checkpoint_seconds: training time between checkpoints; one more is written at the end.
    epochs_per_step: epochs between two reports.
    device_fraction: share of a GPU; 0 trains on the CPU.
    worker_log: file for this trial's log lines, on the worker's own disk or a shared one.
    epoch_deadline_seconds: an epoch that takes longer ends the worker's process.
    data_dir: where to read the data set when none is handed over.
    storage_is_made: whether the driver has made the storage's folder: a machine without it does not
    share it.
    code_digest, torch_version: of the driver's code that trains, and of its torch; empty is not
    compared.
    """

    trial_id: str
    config: dict[str, Any]
    storage: str
    attempt: int = 0
    known_epochs: int = 0
    threads: int = 1
    checkpoint_seconds: float = 60.0
    epochs_per_step: int = 1
    device_fraction: float = 0.0
    worker_log: str | None = None
    epoch_deadline_seconds: float | None = None
    data_dir: str | None = None
    storage_is_made: bool = False
    code_digest: str = ""
    torch_version: str = ""

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> TrialJob:
        """The job of a Ray configuration; keys that are none of a job's are left alone."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in raw.items() if name in names})

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as Ray carries them."""
        return dataclasses.asdict(self)
