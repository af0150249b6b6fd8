"""One ``Tuner.fit()``: Ray runs a part of the search, all of it with one share of the machine."""

from __future__ import annotations

import tempfile
from typing import Any

from ray import tune
from ray.tune.execution.placement_groups import PlacementGroupFactory
from ray.tune.stopper import Stopper

from tune_app.deciding.pickles_empty import Transient
from tune_app.deciding.schedulers import ContentScheduler
from tune_app.engine.ledger_callback import Recorder
from tune_app.engine.search_adapter import Feeder, WorkerSettings
from tune_app.engine.worker import trainable
from tune_app.engine.workload import Workload
from tune_app.machine.resources import Share
from tune_app.session.session import Session

LIMIT = 1000
"""Attempts a fit: Ray keeps 50 MB for a thousand trials and drops its actors with each fit."""


class DeadlineStopper(Transient, Stopper):
    """Ends everything once the session is out of time."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self.session.out_of_time


def run_chunk(
    session: Session,
    workload: Workload,
    scheduler: ContentScheduler,
    settings: WorkerSettings,
    *,
    share: Share,
    slots: int,
    step: int = 0,
    limit: int = LIMIT,
    recorder: Recorder,
) -> None:
    """Runs until nothing with this share is left, ``limit`` attempts have run, or the end came.

    Ray's word on how it went is not asked for; its own files are thrown away.
    """
    feeder = Feeder(
        session.dispatcher, settings, step=step, limit=limit, may_start=session.may_start
    )
    bundle = PlacementGroupFactory([{"CPU": share.cpus, "GPU": share.gpus}])
    with tempfile.TemporaryDirectory(prefix="ranktune-", ignore_cleanup_errors=True) as scratch:
        tune.Tuner(
            tune.with_resources(trainable(workload), bundle),
            tune_config=tune.TuneConfig(
                search_alg=feeder,
                scheduler=scheduler,
                num_samples=-1,
                max_concurrent_trials=slots,
                reuse_actors=True,
                trial_name_creator=_name,
                trial_dirname_creator=_name,
            ),
            run_config=tune.RunConfig(
                name="chunk",
                storage_path=scratch,
                callbacks=[recorder],
                stop=DeadlineStopper(session),
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(
                    checkpoint_frequency=0, checkpoint_at_end=False
                ),
                verbose=0,
            ),
        ).fit()


def _name(trial: Any) -> str:
    """Attempts of a trial are trials of their own to Ray."""
    return f"{trial.config['trial_id']}-a{trial.config['attempt']}"
