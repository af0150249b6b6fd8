"""One ``Tuner.fit()``: Ray runs a part of the search, all of it in one resource tier."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

from ray import tune
from ray.tune.execution.placement_groups import PlacementGroupFactory
from ray.tune.stopper import Stopper

from tune_app.deciding.content_scheduler import ContentScheduler
from tune_app.deciding.pickles_empty import PicklesEmpty
from tune_app.engine.ledger_callback import LedgerCallback
from tune_app.engine.search_adapter import RaySearchAdapter, WorkerSettings
from tune_app.engine.worker import trainable
from tune_app.engine.workload import Workload
from tune_app.machine.resources import TrialResources
from tune_app.session.session import Session

MOST_PENDING = 100_000
"""Trials that Tune lets wait for a slot: all that the searcher gives it, which counts the slots.
Without a number Tune lets one wait, and its workers are not used again."""


class DeadlineStopper(PicklesEmpty, Stopper):
    """Ends everything once the session is out of time."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self.session.out_of_time


def fit_tuner(
    session: Session,
    workload: Workload,
    scheduler: ContentScheduler,
    settings: WorkerSettings,
    *,
    resources: TrialResources,
    slots: Callable[[], int],
    tier: int,
    limit: int,
    callback: LedgerCallback,
) -> None:
    """Runs until this tier has nothing left, ``limit`` attempts have run, or the session stops.

    ``slots`` is asked again and again how many attempts may run at once.

    Ray's result grid is ignored: the ledger has the results. Ray's own files are thrown away.
    """
    feeder = RaySearchAdapter(
        session.dispatcher,
        settings,
        tier=tier,
        limit=limit,
        slots=slots,
        may_start=session.may_start,
    )
    needed = {"CPU": resources.cpus, "GPU": resources.gpus, **dict(resources.custom)}

    def bundle(config: dict[str, Any]) -> PlacementGroupFactory:
        from tune_app.nodes.refused_nodes import placement_options  # Tune pickles this function

        return PlacementGroupFactory([needed], **placement_options(resources))

    with tempfile.TemporaryDirectory(prefix="ranktune-", ignore_cleanup_errors=True) as scratch:
        tune.Tuner(
            tune.with_resources(trainable(workload), bundle),
            tune_config=tune.TuneConfig(
                search_alg=feeder,
                scheduler=scheduler,
                num_samples=-1,
                max_concurrent_trials=MOST_PENDING,
                reuse_actors=True,
                trial_name_creator=_name,
                trial_dirname_creator=_name,
            ),
            run_config=tune.RunConfig(
                name="chunk",
                storage_path=scratch,
                callbacks=[callback],
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
