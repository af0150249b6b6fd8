"""One attempt's use of the storage: resuming, saving, and noticing requests to stop."""

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
from trainables.files.storage import is_uri
from trainables.training.checkpoints.checkpoint import (
    CheckpointError,
    UnreachableCheckpointError,
)
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
    """The checkpoints of one attempt.

    Separate threads talk to a storage that machines share, so that training waits for it only in
    ``restore`` and ``wait``. A folder on a disk is written in place. ``request()`` returns what the
    driver asks of the attempt: STOP_FILE, LEAVE_FILE, or "".
    """

    def __init__(self, job: TrialJob) -> None:
        self._job = job
        self._store = CheckpointStore(job.storage, job.trial_id, is_shared=job.storage_is_shared)
        self._uploads = UploadQueue(self._store, _remove)
        self.request = BackgroundPoll(
            partial(self._store.request, job.attempt), 5.0 if is_uri(job.storage) else 1.0
        )
        self._saved_at = time.monotonic()
        self._pending_write: Callable[[], None] | None = (
            None  # of a checkpoint for which the scratch disk was full
        )
        self._pending_since = 0.0
        self._scratch_problem = ""

    def restore(self, trainer: Trainer) -> None:
        """Loads the trial's latest whole checkpoint, where there is one.

        Raises:
            StorageError, UnreachableCheckpointError: an outage, or a file that may not be read.
                Starting from the beginning would lose what the storage holds.
        """
        for name in self._store.names():
            try:
                with self._store.read(name) as folder:
                    trainer.load(folder)
            except UnreachableCheckpointError:
                raise
            except (CheckpointError, FileNotFoundError) as problem:
                log.warning("checkpoint %s is skipped: %s", name, problem)
            else:
                log.info("continues from checkpoint %s", name)
                break
        self._saved_at = time.monotonic()

    def is_due(self) -> bool:
        """Whether the training time between checkpoints has passed."""
        return time.monotonic() - self._saved_at >= self._job.checkpoint_seconds

    def save(self, trainer: Trainer, scores: Sequence[float]) -> None:
        """Saves the trainer's state; ``scores`` holds the accuracy of each finished epoch."""
        name = CheckpointName(trainer.epochs_done, trainer.batches_done, self._job.attempt)
        prune = partial(_prune, self._store, name, scores)
        self._saved_at = time.monotonic()
        if self._store.is_remote:
            self._pending_write = partial(self._hand_over, trainer, name, prune)
            if not self._has_scratch_room():
                return
        else:
            self._store.write(name, trainer.save)
            prune()
        log.info("saved checkpoint %s", name)

    def _hand_over(self, trainer: Trainer, name: CheckpointName, prune: Callable[[], None]) -> None:
        """Writes a checkpoint to this machine's disk and queues its upload."""
        folder = Path(tempfile.mkdtemp(prefix="checkpoint-")) / str(name)
        try:
            trainer.save(folder)
        except BaseException:
            _remove(folder)
            raise
        self._uploads.put(Upload(name, folder, prune))

    def _has_scratch_room(self) -> bool:
        """Writes a checkpoint that is pending; returns whether none is pending any more.

        A full disk does not stop the training.
        """
        if self._pending_write is None:
            return True
        try:
            self._pending_write()
        except (OSError, SafetensorError) as problem:
            self._pending_since = self._pending_since or time.monotonic()
            self._scratch_problem = f"{socket.gethostname()}: {problem}"
            log.warning("no checkpoint can be written: %s", problem)
            return False
        self._pending_write, self._pending_since, self._scratch_problem = None, 0.0, ""
        return True

    def wait(self, seconds: float) -> bool:
        """Waits up to ``seconds``; returns whether everything that was saved is in the storage."""
        if not self._has_scratch_room():
            time.sleep(seconds)
        elif self._uploads.wait(seconds):
            return True
        log.warning("the storage has taken nothing for %.0f s: %s", self.away_seconds, self.problem)
        return False

    @property
    def away_seconds(self) -> float:
        """How long checkpoints could not be stored; 0 while they can."""
        since = self._pending_since
        return time.monotonic() - since if since else self._uploads.away_seconds

    @property
    def problem(self) -> str:
        """The last error while checkpoints cannot be stored; "" where there was none."""
        return self._scratch_problem or self._uploads.problem

    def close(self) -> None:
        """Ends the threads; a checkpoint that could not be copied yet is given up."""
        self.request.close()
        self._uploads.close()


def _remove(folder: Path) -> None:
    """Removes a checkpoint's scratch folder, after the upload or when it is dropped."""
    shutil.rmtree(folder.parent, ignore_errors=True)


def _prune(store: CheckpointStore, last: CheckpointName, scores: Sequence[float]) -> None:
    """Removes the trial's checkpoints before ``last``, except that of its best epoch.

    Where the storage refuses, the next checkpoint tries again.
    """
    with contextlib.suppress(StorageError):
        older = [name for name in store.names() if name < last and name.attempt <= last.attempt]
        best = max((name for name in (last, *older) if name.epoch and not name.batch),
                   key=lambda name: scores[name.epoch - 1], default=last)  # fmt: skip
        for name in older:
            if name != best:
                store.remove(name)
