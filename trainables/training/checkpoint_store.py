"""A trial's checkpoints under a folder or URI that several machines may share."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pyarrow import fs
from tenacity import (
    Retrying,
    retry_if_exception_type,
    retry_if_not_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from trainables.training.checkpoint import STATE, checkpoint_files

STOP_FILE = "STOP"
"""A file of this name in the storage asks every worker to save and end."""

RETRY_SECONDS = 90  # an S3 outage of 20 s is survived with nothing redone

Result = TypeVar("Result")


@dataclass(frozen=True, order=True, slots=True)
class CheckpointName:
    """``e3-a0``: after 3 epochs, by attempt 0; ``e3-a0-b57``: and 57 batches of the fourth.

    The later in training, the greater.
    """

    epoch: int
    batch: int
    attempt: int

    def __str__(self) -> str:
        return f"e{self.epoch}-a{self.attempt}" + (f"-b{self.batch}" if self.batch else "")

    @classmethod
    def parse(cls, text: str) -> CheckpointName | None:
        """None where ``text`` names no checkpoint."""
        found = re.fullmatch(r"e(\d+)-a(\d+)(?:-b(\d+))?", text)
        return cls(int(found[1]), int(found[3] or 0), int(found[2])) if found else None


class CheckpointStore:
    """The checkpoints of one trial: ``<storage>/<trial_id>/<name>/``.

    A folder on a disk is written in place. Any other storage (``s3://…``) gets a copy of a local
    one, its state file last, so that what was cut off lacks it and is passed over.
    """

    def __init__(
        self, storage: str, trial_id: str, *, retry_seconds: float = RETRY_SECONDS
    ) -> None:
        self._retry_seconds = retry_seconds
        self._remote: Any = None
        if "://" in storage:
            self._remote, root = fs.FileSystem.from_uri(storage)
        else:
            root = str(Path(storage).expanduser())
        self._stop = f"{root}/{STOP_FILE}"
        self._folder = f"{root}/{trial_id}"

    def names(self) -> list[CheckpointName]:
        """The trial's checkpoints, the furthest first, whole or not."""
        found = (CheckpointName.parse(name) for name in self._list())
        return sorted((name for name in found if name is not None), reverse=True)

    def write(self, name: CheckpointName, save: Callable[[Path], None]) -> None:
        """Has ``save`` write a checkpoint and puts it under ``name``."""
        if self._remote is None:
            save(Path(self._folder) / str(name))
            return
        with tempfile.TemporaryDirectory() as scratch:
            local = Path(scratch) / str(name)
            save(local)
            self._patiently(lambda: self._upload(local, f"{self._folder}/{name}"))

    @contextmanager
    def read(self, name: CheckpointName) -> Iterator[Path]:
        """A local folder with the checkpoint's files."""
        if self._remote is None:
            yield Path(self._folder) / str(name)
            return
        with tempfile.TemporaryDirectory() as scratch:
            local = Path(scratch) / str(name)
            local.mkdir()  # pyarrow makes none for the local side
            self._patiently(
                lambda: fs.copy_files(
                    f"{self._folder}/{name}", str(local), source_filesystem=self._remote
                )
            )
            yield local

    def remove(self, name: CheckpointName) -> None:
        """Removes a checkpoint; one that is gone already is no error."""
        if self._remote is None:
            shutil.rmtree(Path(self._folder) / str(name), ignore_errors=True)
            return
        folder = f"{self._folder}/{name}"
        files = [info.path for info in self._patiently(partial(self._infos, folder))]
        # The state file first: what is half removed is no checkpoint.
        for file in sorted(files, key=lambda path: not path.endswith(STATE)):
            self._patiently(partial(self._delete, file))

    def stop_requested(self) -> bool:
        """Whether the storage holds a ``STOP_FILE``; no where that cannot be told."""
        if self._remote is None:
            return Path(self._stop).exists()
        try:
            return self._remote.get_file_info(self._stop).type != fs.FileType.NotFound
        except OSError:
            return False

    def _list(self) -> list[str]:
        if self._remote is None:
            folder = Path(self._folder)
            return [path.name for path in folder.iterdir()] if folder.is_dir() else []
        infos = self._patiently(partial(self._infos, self._folder))
        return [info.base_name for info in infos]

    def _infos(self, folder: str) -> list[fs.FileInfo]:
        return self._remote.get_file_info(fs.FileSelector(folder, allow_not_found=True))

    def _upload(self, local: Path, remote: str) -> None:
        self._remote.create_dir(remote)
        for file in checkpoint_files(local):
            with (
                file.open("rb") as source,
                self._remote.open_output_stream(f"{remote}/{file.name}") as target,
            ):
                shutil.copyfileobj(source, target, 1 << 22)

    def _delete(self, file: str) -> None:
        if self._remote.get_file_info(file).type != fs.FileType.NotFound:
            self._remote.delete_file(file)

    def _patiently(self, act: Callable[[], Result]) -> Result:
        """Repeats what a storage that is away for a while refuses."""
        retrying = Retrying(
            # what is not there will not come: another attempt may have removed it
            retry=retry_if_exception_type(OSError) & retry_if_not_exception_type(FileNotFoundError),
            stop=stop_after_delay(self._retry_seconds),
            wait=wait_random_exponential(multiplier=0.5, max=10),
            reraise=True,
        )
        return retrying(act)


class Poll:
    """Asks a question at most once in ``seconds``; says what it last heard in between."""

    def __init__(self, ask: Callable[[], bool], seconds: float = 1.0) -> None:
        self._ask = ask
        self._seconds = seconds
        self._next = 0.0
        self._answer = False

    def __call__(self) -> bool:
        now = time.monotonic()
        if now >= self._next:
            self._answer = self._ask()
            self._next = now + self._seconds
        return self._answer
