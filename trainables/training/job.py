"""A worker's job: one attempt at a trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STOP_FILE = "STOP"
"""A file of this name in a study's storage asks every worker of the study to save and end."""

LEAVE_FILE = "LEAVE"
"""``LEAVE-a3`` beside a trial's checkpoints asks its attempt 3 to save and end, because the machine
that it runs on is about to be taken away."""


class HostLeavingError(RuntimeError):
    """The trial has saved and ends, because its machine is about to be taken away.

    Ray ends a worker that raises, so that no other trial is given to it. The class stands in this
    module so that the driver can unpickle it without torch.
    """


class UnfitNodeError(RuntimeError):
    """The machine cannot train, or would train to other numbers or on another device.

    The trial is not to blame. The class stands in this module for nodes that cannot import torch.
    """


@dataclass(frozen=True, slots=True)
class TrialJob:
    """One attempt at a trial: what to train, where to continue, how to behave.

    Values are plain, so that Ray can send the job.

    Attributes:
        trial_id: of the trial.
        config: every key of TrainConfig.
        storage: folder or URI of checkpoints, the same for every trial of the study.
        attempt: number of this start of the trial, from 0; part of every checkpoint's name.
        known_epochs: epochs whose metrics the driver has. Later epochs of a checkpoint are reported
            again.
        threads: CPU threads of the trial.
        checkpoint_seconds: training time between checkpoints; one more is written at the end.
        epochs_per_step: epochs between two reports.
        device_fraction: share of a GPU; 0 trains on the CPU.
        worker_log: file for this trial's log lines, on the worker's own disk or a shared one.
        epoch_deadline_seconds: an epoch that takes longer ends the worker's process.
        data_dir: where to read the data set if the driver sends none.
        storage_is_made: whether the driver has created the storage's folder. A machine that lacks
            the folder then does not share it.
        storage_is_shared: whether it is one of its own (--storage): a folder may hang as a URI may.
        code_digest: of the driver's training code; empty for no comparison.
        torch_version: of the driver's torch; empty for no comparison.
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
    storage_is_shared: bool = False
    code_digest: str = ""
    torch_version: str = ""

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> TrialJob:
        """The job in a Ray configuration, whose other keys are ignored."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in raw.items() if name in names})

    def to_dict(self) -> dict[str, Any]:
        """Every field with its value, as a Ray configuration holds it."""
        return dataclasses.asdict(self)
