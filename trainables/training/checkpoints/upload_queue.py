"""Checkpoints on their way to a storage that may be away: training does not wait for them."""

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
"""A copy that takes so much longer than over the slowest link gets no answer."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A checkpoint that waits: its files lie in ``folder``; ``after`` is called once it arrived."""

    name: CheckpointName
    folder: Path
    after: Callable[[], None]


class UploadQueue:
    """Copies one trial's checkpoints to its store in a thread of its own, the newest first.

    At most one checkpoint is copied and one waits: a newer one takes the waiting one's place, since
    a trial goes on from its furthest. A storage that refuses is asked again for as long as it
    takes; ``away_seconds`` says how long that has been.
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
        self._copy_began: float | None = None
        self._slow_after = patience
        self._refused_since: float | None = None
        self._problem = ""
        self._closed = False
        self._thread: threading.Thread | None = None

    def put(self, upload: Upload) -> None:
        """Hands a checkpoint over; one that still waits is dropped."""
        with self._changed:
            dropped, self._waiting = self._waiting, upload
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="uploads")
                self._thread.start()
            self._changed.notify_all()
        if dropped is not None:
            self._discard(dropped.folder)

    def wait(self, seconds: float) -> bool:
        """Whether everything that was handed over is in the store, within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._waiting or self._copying), seconds)

    def close(self) -> None:
        """Lets the thread end; what could not be copied until now is given up."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def away_seconds(self) -> float:
        """How long the storage has refused what is being copied, or not answered; else 0.

        A storage that hangs, or is asked again within a copy, raises nothing for a minute and more.
        """
        since, began = self._refused_since, self._copy_began
        if since is not None:
            return time.monotonic() - since
        copying = 0.0 if began is None else time.monotonic() - began
        return copying if copying > self._slow_after else 0.0

    @property
    def problem(self) -> str:
        """What the storage last said, while it refuses; "" where it said nothing."""
        return self._store.problem or self._problem

    def _work(self) -> None:
        while (upload := self._next()) is not None:
            done = self._copy(upload)
            self._discard(upload.folder)
            if done:
                with contextlib.suppress(Exception):  # as above; the next one calls it again
                    upload.after()
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
        """Until it is there, or a newer one waits, or nobody does any more."""
        self._slow_after = self._patience + upload_seconds(upload.folder)
        while True:
            self._copy_began = began = time.monotonic()
            try:
                self._store.upload(upload.name, upload.folder)
            except Exception as problem:  # whatever it is: a thread that ended would be waited for
                self._problem = str(problem.__cause__ or problem)
                if self._refused_since is None:
                    self._refused_since = began
            else:
                self._refused_since, self._problem = None, ""
                return True
            finally:
                self._copy_began = None
            with self._changed:
                self._changed.wait_for(self._given_up, RETRY_PAUSE_SECONDS)
                if self._given_up():
                    return False

    def _given_up(self) -> bool:
        return self._closed or self._waiting is not None
