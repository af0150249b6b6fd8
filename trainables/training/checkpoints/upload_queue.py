"""Uploads of checkpoints in the background: training does not wait for a storage that is away."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trainables.config.checkpoint_place import CheckpointName
from trainables.training.checkpoints.checkpoint_store import (
    CheckpointStore,
    upload_seconds,
)

RETRY_PAUSE_SECONDS = 2.0

PATIENCE_SECONDS = 10.0
"""A copy that takes so much longer than over the slowest link counts as one without an answer."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A checkpoint to copy from ``folder``; ``on_stored`` is called once it is stored."""

    name: CheckpointName
    folder: Path
    on_stored: Callable[[], None]


class UploadQueue:
    """Copies one trial's checkpoints to its store in a thread of its own.

    At most one checkpoint is being copied and one waits. A newer checkpoint replaces the waiting
    one, since a trial continues from its latest. A copy that the storage refuses is repeated until
    it succeeds; ``away_seconds`` tells for how long it has failed.
    """

    def __init__(
        self,
        store: CheckpointStore,
        discard: Callable[[Path], None],
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._store, self._discard, self._patience = store, discard, patience
        self._changed = threading.Condition()
        self._waiting: Upload | None = None
        self._copying = False
        self._copy_started: float | None = None
        self._slow_after = patience
        self._refused_since: float | None = None
        self._problem = ""
        self._closed = False
        self._thread: threading.Thread | None = None

    def put(self, upload: Upload) -> None:
        """Queues a checkpoint; one that still waits is dropped."""
        with self._changed:
            dropped, self._waiting = self._waiting, upload
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="uploads")
                self._thread.start()
            self._changed.notify_all()
        if dropped is not None:
            self._discard(dropped.folder)

    def wait(self, seconds: float) -> bool:
        """Waits up to ``seconds``; returns whether every queued checkpoint is in the store."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._waiting or self._copying), seconds)

    def close(self) -> None:
        """Ends the thread; a checkpoint that could not be copied so far is given up."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def away_seconds(self) -> float:
        """How long the storage has refused the current copy or not answered; 0 where it works.

        Time is measured here, since a call to a storage that hangs may raise only after minutes.
        """
        since, started = self._refused_since, self._copy_started
        if since is not None:
            return time.monotonic() - since
        copying = 0.0 if started is None else time.monotonic() - started
        return copying if copying > self._slow_after else 0.0

    @property
    def problem(self) -> str:
        """The storage's last error, while it refuses; "" where there was none."""
        return self._store.problem or self._problem

    def _work(self) -> None:
        while (upload := self._next()) is not None:
            done = self._copy(upload)
            self._discard(upload.folder)
            if done:
                with contextlib.suppress(Exception):  # the next upload prunes again
                    upload.on_stored()
            with self._changed:
                self._copying = False
                self._changed.notify_all()

    def _next(self) -> Upload | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is not None or self._closed)
            upload, self._waiting = self._waiting, None
            self._copying = upload is not None
            return upload

    def _copy(self, upload: Upload) -> bool:
        """Copies until it succeeds (True), or a newer one waits or the queue is closed (False)."""
        self._slow_after = self._patience + upload_seconds(upload.folder)
        while True:
            self._copy_started = started = time.monotonic()
            try:
                self._store.upload(upload.name, upload.folder)
            except Exception as problem:  # any error: trials would wait for a thread that has ended
                self._problem = str(problem.__cause__ or problem)
                if self._refused_since is None:
                    self._refused_since = started
            else:
                self._refused_since, self._problem = None, ""
                return True
            finally:
                self._copy_started = None
            with self._changed:
                self._changed.wait_for(self._given_up, RETRY_PAUSE_SECONDS)
                if self._given_up():
                    return False

    def _given_up(self) -> bool:
        return self._closed or self._waiting is not None
