"""The options of ``run_tune.py``, parsed and checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from search_spaces.grammar.domains import Scalar
from trainables.files.storage import is_uri

KEPT_WHEN_FINISHED = 10
"""Finished trials that keep their checkpoint besides the front; others lose it when a run ends."""


@dataclass(frozen=True)
class RunOptions:
    """One invocation. ``None`` means the space's default, or one that suits the machine.

    ``settings`` holds ``--set key=value[,value…]``: one value fixes a key, several narrow it.
    ``gpus_per_trial`` is a number of GPUs or "auto"; ``time_budget_seconds`` is wall time.
    """

    space: str  # a registered name, or a path ending in .toml
    search: str | None = None
    scheduler: str | None = None
    grace_period: int | None = None  # epochs before a scheduler stops a trial
    reduction_factor: float | None = None  # at a rung of asha one trial in so many goes on
    num_samples: int | None = None
    seeds: int | None = None  # choosing seeds of each point
    estimating_seeds: int | None = None  # fresh seeds of what was chosen; 0 runs one stage
    search_seed: int = 0
    objective: tuple[str, ...] = ("val_accuracy",)
    settings: dict[str, tuple[Scalar, ...]] = field(default_factory=dict)
    preset: str = "full"
    dataset: str | None = None
    data_dir: Path | None = None  # an existing copy; never created
    download: Path | None = None  # where an absent data set is downloaded to
    skip_unreadable: bool = False
    max_parameters: int | None = None
    max_macs: float | None = None
    gpus_per_trial: float | str | None = None
    cpus_per_trial: float | None = None
    accelerator_type: str | None = None  # as Ray names a card: A100, H100, …
    resources: tuple[tuple[str, float], ...] = ()  # custom resources of Ray that a trial takes
    max_concurrent: int | None = None
    max_failures: int = 2
    keep: int | str = KEPT_WHEN_FINISHED  # checkpoints besides the front's; or "front", "all"
    checkpoint_seconds: float = 60.0  # training time between two checkpoints of a trial
    epochs_per_report: int = 1  # more spare the driver of a large cluster
    time_budget_seconds: float | None = None
    results_dir: Path = Path("results")
    name: str | None = None
    storage: str | None = None  # of checkpoints and record: a URI or absolute path, for every node
    study_id: str | None = None  # which of several studies of one name in the storage
    address: str | None = None  # of a running Ray cluster; None starts Ray on this machine
    confirm: int = 0  # fresh seeds for each of the best `top` configurations
    confirm_what: str = "best"  # one of choices.CONFIRM_CHOICES
    top: int = 1
    reuse_from: tuple[Path, ...] = ()
    fresh: bool = False
    plan_only: bool = False
    as_json: bool = False
    list_spaces: bool = False
    command: str = ""  # as typed, for the record

    def __post_init__(self) -> None:
        if self.storage and not is_uri(self.storage):  # Tune's workers have folders of their own
            place = Path(self.storage).expanduser().absolute()
            object.__setattr__(self, "storage", str(place))
