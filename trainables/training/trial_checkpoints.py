"""What one attempt at a trial does with the storage: goes on from it, saves to it, hears a stop."""

from __future__ import annotations

import contextlib
import logging
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from safetensors import SafetensorError

from trainables.config.checkpoint_place import CheckpointName
from trainables.training.checkpoints.checkpoint import CheckpointError
from trainables.training.checkpoints.checkpoint_store import (
    BackgroundPoll,
    CheckpointStore,
    StorageError,
)
from trainables.training.checkpoints.upload_queue import Upload, UploadQueue
from trainables.training.job import TrialJob
from trainables.training.trainer import Trainer

log = logging.getLogger("trainables.worker")


class TrialCheckpoints:
    """The checkpoints of one attempt. A remote storage is spoken to by threads of their own.

    Training waits for a remote storage in ``restore`` and ``wait`` alone. A folder on a disk is
    written in place. ``request()`` says what the driver asks of the attempt: STOP_FILE, LEAVE_FILE,
    or nothing.
    """

    def __init__(self, job: TrialJob) -> None:
        self._job = job
        self._store = CheckpointStore(job.storage, job.trial_id)
        self._uploads = UploadQueue(self._store, _remove)
        self.request = BackgroundPoll(
            partial(self._store.request, job.attempt), 5.0 if self._store.is_remote else 1.0
        )
        self._saved_at = time.monotonic()
        self._unpacked: Callable[[], None] | None = None  # a checkpoint that found no scratch room
        self._unpacked_since = 0.0
        self._scratch_problem = ""

    def restore(self, trainer: Trainer) -> None:
        """Goes on from the trial's furthest checkpoint that is whole, where there is one.

        Raises:
            StorageError: an outage. Training anew would lose what the storage holds.
        """
        for name in self._store.names():
            try:
                with self._store.read(name) as folder:
                    trainer.load(folder)
            except (CheckpointError, FileNotFoundError) as problem:
                log.warning("checkpoint %s is passed over: %s", name, problem)
            else:
                log.info("goes on from checkpoint %s", name)
                break
        self._saved_at = time.monotonic()

    def is_due(self) -> bool:
        """Whether the training time between checkpoints has passed."""
        return time.monotonic() - self._saved_at >= self._job.checkpoint_seconds

    def save(self, trainer: Trainer, scores: Sequence[float]) -> None:
        """Saves the trainer's state; ``scores`` holds an accuracy for each finished epoch."""
        name = CheckpointName(trainer.epochs_done, trainer.batches_done, self._job.attempt)
        prune = partial(_prune, self._store, name, scores)
        self._saved_at = time.monotonic()
        if self._store.is_remote:
            self._unpacked = partial(self._hand_over, trainer, name, prune)
            if not self._has_scratch_room():
                return
        else:
            self._store.write(name, trainer.save)
            prune()
        log.info("saved checkpoint %s", name)

    def _hand_over(self, trainer: Trainer, name: CheckpointName, prune: Callable[[], None]) -> None:
        """Writes a checkpoint to this machine's disk, for the thread that copies it from there."""
        folder = Path(tempfile.mkdtemp(prefix="checkpoint-")) / str(name)
        try:
            trainer.save(folder)
        except BaseException:
            _remove(folder)
            raise
        self._uploads.put(Upload(name, folder, prune))

    def _has_scratch_room(self) -> bool:
        """Hands over what is waiting for room; a disk that is full holds no training up."""
        if self._unpacked is None:
            return True
        try:
            self._unpacked()
        except (OSError, SafetensorError) as problem:
            self._unpacked_since = self._unpacked_since or time.monotonic()
            self._scratch_problem = f"{socket.gethostname()}: {problem}"
            log.warning("no checkpoint can be written: %s", problem)
            return False
        self._unpacked, self._unpacked_since, self._scratch_problem = None, 0.0, ""
        return True

    def wait(self, seconds: float) -> bool:
        """Whether everything saved lies in the storage, within so many seconds."""
        if not self._has_scratch_room():
            time.sleep(seconds)
        elif self._uploads.wait(seconds):
            return True
        log.warning("the storage has taken nothing for %.0f s: %s", self.away_seconds, self.problem)
        return False

    @property
    def away_seconds(self) -> float:
        """How long no checkpoint could be stored; 0 where they can."""
        since = self._unpacked_since
        return time.monotonic() - since if since else self._uploads.away_seconds

    @property
    def problem(self) -> str:
        """What was last said, while no checkpoint can be stored; "" where nothing was."""
        return self._scratch_problem or self._uploads.problem

    def close(self) -> None:
        """Leaves the storage alone; a checkpoint that could not be copied yet is given up."""
        self.request.close()
        self._uploads.close()


def _remove(folder: Path) -> None:
    """A checkpoint's scratch folder, once it was copied or is no longer wanted."""
    shutil.rmtree(folder.parent, ignore_errors=True)


def _prune(store: CheckpointStore, last: CheckpointName, scores: Sequence[float]) -> None:
    """Removes the trial's checkpoints before ``last``, but for the one of its best epoch.

    What a storage refuses to remove is left: the next checkpoint tries again.
    """
    with contextlib.suppress(StorageError):
        older = [name for name in store.names() if name < last and name.attempt <= last.attempt]
        best = max((name for name in (last, *older) if name.epoch and not name.batch),
                   key=lambda name: scores[name.epoch - 1], default=last)  # fmt: skip
        for name in older:
            if name != best:
                store.remove(name)
