"""Where Ray gets its next trial from: the dispatcher's next attempt, as a worker's config."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher as RaySearcher

from trainables.files.code_digest import code_digest, torch_version
from trainables.training.job import TrialJob
from tune_app.deciding.dispatcher import Dispatcher, RunningAttempt
from tune_app.deciding.pickles_empty import PicklesEmpty


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What every worker of a study is told besides its trial.

    ``storage`` is where checkpoints go (path or URI), ``threads`` the CPU threads of a new trial,
    ``checkpoint_seconds`` the training time between checkpoints, ``epochs_per_step`` the epochs
    between two reports, ``device_fraction`` the part of a card a trial may fill (0 on the CPU),
    ``worker_log`` a folder for one log file a trial (None: no logs), ``epoch_deadline_seconds``
    when a worker gives up on an epoch (None: never), and ``storage_is_shared`` whether checkpoints
    have a storage of their own (``--storage``).
    """

    storage: str
    threads: int = 1
    checkpoint_seconds: float = 60.0
    epochs_per_step: int = 1
    device_fraction: float = 0.0
    worker_log: str | None = None
    epoch_deadline_seconds: float | None = None
    storage_is_shared: bool = False

    def config(self, attempt: RunningAttempt) -> dict[str, Any]:
        """The configuration with which ``CifarTrainable`` is set up."""
        begun_with = 0 if self.device_fraction else attempt.threads
        log = self.worker_log and str(Path(self.worker_log) / f"{attempt.trial_id}.log")
        return TrialJob(
            trial_id=attempt.trial_id,
            config=attempt.trial.job.to_dict(),
            storage=self.storage,
            attempt=attempt.number,
            known_epochs=attempt.known_epochs,
            threads=begun_with or self.threads,
            checkpoint_seconds=self.checkpoint_seconds,
            epochs_per_step=self.epochs_per_step,
            device_fraction=self.device_fraction,
            worker_log=log or None,
            epoch_deadline_seconds=self.epoch_deadline_seconds,
            storage_is_made=True,
            storage_is_shared=self.storage_is_shared,
            code_digest=code_digest(),
            torch_version=torch_version(),
        ).to_dict()


class RaySearchAdapter(PicklesEmpty, RaySearcher):
    """Feeds one ``fit()``: at most ``limit`` attempts, all in the resource tier ``tier``.

    Ray is told that the search is over only when nothing runs that could come back: a failed
    attempt returns as another one. ``may_start`` is asked first, and can hold the search back;
    ``slots`` says how many attempts may run at once, which changes with the cluster.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        settings: WorkerSettings,
        *,
        tier: int,
        limit: int,
        slots: Callable[[], int],
        may_start: Callable[[], bool],
    ) -> None:
        super().__init__(metric="score", mode="max")
        self.dispatcher, self.settings = dispatcher, settings
        self.tier, self.left, self.may_start = tier, limit, may_start
        self.slots = slots

    def suggest(self, trial_id: str) -> Any:
        """Ray's own ``trial_id`` means nothing here: the attempt carries the content's."""
        may_start = self.may_start()
        if self.dispatcher.is_done(self.tier) or self._full():
            return RaySearcher.FINISHED
        free = may_start and self.left > 0 and len(self.dispatcher.running) < self.slots()
        attempt = self.dispatcher.next_attempt(self.tier) if free else None
        if attempt is None:
            return RaySearcher.FINISHED if self.dispatcher.is_done(self.tier) else None
        self.left -= 1
        return self.settings.config(attempt)

    def _full(self) -> bool:
        return self.left <= 0 and not self.dispatcher.running

    def on_trial_complete(
        self, trial_id: str, result: dict | None = None, error: bool = False
    ) -> None:
        """The callback hears of it, with what is needed to tell how it ended."""

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict, **spec: Any
    ) -> bool:
        return True

    # Ray saves searchers; the ledger is what this one is restored from.

    def save(self, checkpoint_path: str) -> None:
        pass

    def restore(self, checkpoint_path: str) -> None:
        pass

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        pass
