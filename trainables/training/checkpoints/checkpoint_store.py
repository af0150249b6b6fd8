"""A trial's checkpoints under a folder or URI that several machines may share."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pyarrow import fs
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_not_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from trainables.config.checkpoint_place import STATE, CheckpointName
from trainables.files.filesystem import (
    WITHOUT_FOLDERS,
    check_sizes,
    check_store,
    filesystem,
    list_folder,
    make_folder,
)
from trainables.files.storage import is_uri, named_place
from trainables.training.checkpoints.checkpoint import checkpoint_files
from trainables.training.checkpoints.time_limit import NoAnswerError, within
from trainables.training.job import LEAVE_FILE, STOP_FILE

RETRY_SECONDS = 90  # an S3 outage of 20 s is survived with nothing redone

POLL_LIMIT_SECONDS = 30.0
"""A request that hangs is repeated after this time, so that a stop is noticed after an outage."""

Result = TypeVar("Result")


class StorageError(OSError):
    """The storage refuses or does not answer: an outage, for which no trial is to blame."""


SLOWEST_LINK = 1e6
"""Bytes per second; a slower link counts as one that does not answer."""


def upload_seconds(local: Path) -> float:
    """How long a checkpoint's upload takes over the slowest link, in seconds."""
    return sum(file.stat().st_size for file in checkpoint_files(local)) / SLOWEST_LINK


class CheckpointStore:
    """The checkpoints of one trial: ``<storage>/<trial_id>/<name>/``.

    A folder on a disk is written in place. Any other storage (``s3://…``, or a folder that machines
    share, which may hang) gets a copy of a local checkpoint, its state file last: a copy that was
    cut off lacks that file and is ignored.
    ``problem`` is the last error of a call that is being repeated; "" once the storage answers.

    Raises:
        StorageError: where a storage that must be asked for its region does not tell it.
    """

    problem = ""

    def __init__(
        self,
        storage: str,
        trial_id: str,
        *,
        is_shared: bool = False,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._retry_seconds = retry_seconds
        self._folder = f"{named_place(storage)}/{trial_id}"
        # a URI without a region has it asked from the network
        opened = partial(filesystem, storage)
        system, root = self._retry(opened) if is_uri(storage) else opened()
        self._is_mounted = is_shared and not is_uri(storage)
        self._remote: Any = system if is_uri(storage) or is_shared else None
        self._root = root
        self._folder = f"{root}/{trial_id}"

    def names(self) -> list[CheckpointName]:
        """The trial's checkpoints, the latest in training first, whole or not."""
        names = (CheckpointName.parse(name) for name in self._list())
        return sorted((name for name in names if name is not None), reverse=True)

    @property
    def is_remote(self) -> bool:
        """Whether checkpoints are copied there (``upload``) rather than written in place."""
        return self._remote is not None

    def write(self, name: CheckpointName, save: Callable[[Path], None]) -> None:
        """Stores under ``name`` the checkpoint that ``save`` writes to a folder."""
        if self._remote is None:
            save(Path(self._folder) / str(name))
            return
        with tempfile.TemporaryDirectory() as scratch:
            save(Path(scratch) / str(name))
            self.upload(name, Path(scratch) / str(name))

    def upload(self, name: CheckpointName, local: Path) -> None:
        """Copies a whole checkpoint from a local folder to a remote storage.

        Raises:
            StorageError: where the storage refused for ``retry_seconds``, or did not answer for
                longer than the slowest link takes.
        """
        seconds = self._retry_seconds + upload_seconds(local)
        self._retry(lambda: self._copy(local, f"{self._folder}/{name}"), seconds)

    @contextmanager
    def read(self, name: CheckpointName) -> Iterator[Path]:
        """Yields a local folder with the checkpoint's files."""
        if self._remote is None:
            yield Path(self._folder) / str(name)
            return
        with tempfile.TemporaryDirectory() as scratch:
            local = Path(scratch) / str(name)
            local.mkdir()  # pyarrow makes none for the local side
            self._retry(partial(self._fetch, name, local))
            yield local

    def remove(self, name: CheckpointName) -> None:
        """Removes a checkpoint; one that does not exist is no error."""
        if self._remote is None:
            shutil.rmtree(Path(self._folder) / str(name), ignore_errors=True)
            return
        folder = f"{self._folder}/{name}"
        files = [info.path for info in self._retry(partial(self._infos, folder))]
        # The state file first: without it the rest counts as no checkpoint.
        for file in sorted(files, key=lambda path: not path.endswith(STATE)):
            self._retry(partial(self._delete, file))
        if files and self._remote.type_name not in WITHOUT_FOLDERS:
            self._retry(partial(self._remote.delete_dir, folder))

    def request(self, attempt: int) -> str:
        """What an attempt is asked to do: STOP_FILE or LEAVE_FILE; "" for nothing, or no answer."""
        files = {
            f"{self._root}/{STOP_FILE}": STOP_FILE,
            f"{self._folder}/{LEAVE_FILE}-a{attempt}": LEAVE_FILE,
        }
        try:
            if self._remote is None:
                return next((request for file, request in files.items() if Path(file).exists()), "")
            return within(POLL_LIMIT_SECONDS, lambda: self._request(files))
        except OSError:
            return ""

    def _request(self, files: Mapping[str, str]) -> str:
        infos = self._remote.get_file_info(list(files))
        present = [info.path for info in infos if info.type != fs.FileType.NotFound]
        if present:
            check_store(self._remote, self._root)
        return next((files[path] for path in present), "")

    def _list(self) -> list[str]:
        if self._remote is None:
            folder = Path(self._folder)
            return [path.name for path in folder.iterdir()] if folder.is_dir() else []
        infos = self._retry(partial(self._infos, self._folder))
        return [info.base_name for info in infos]

    def _infos(self, folder: str) -> list[fs.FileInfo]:
        return list_folder(self._remote, folder)

    def _copy(self, local: Path, remote: str) -> None:
        files = checkpoint_files(local)
        if not files:  # the system may have cleared its temporary folder
            raise FileNotFoundError(f"no checkpoint is left in {local}")
        if self._is_mounted and not Path(self._root).is_dir():  # else it would be made locally
            raise OSError(f"{socket.gethostname()}: there is no {self._root}: mount it there")
        make_folder(self._remote, remote)
        for file in files:
            with (
                file.open("rb") as source,
                self._remote.open_output_stream(f"{remote}/{file.name}") as target,
            ):
                shutil.copyfileobj(source, target, 1 << 22)
        sizes = {f"{remote}/{file.name}": file.stat().st_size for file in files}
        check_sizes(self._remote, sizes)

    def _fetch(self, name: CheckpointName, local: Path) -> None:
        remote = f"{self._folder}/{name}"
        try:
            fs.copy_files(remote, str(local), source_filesystem=self._remote)
        except FileNotFoundError as problem:
            if any(info.base_name == str(name) for info in self._infos(self._folder)):
                raise OSError(f"{remote} is listed and not found: {problem}") from problem
            raise
        # else what came in the place of a file would pass for a damaged checkpoint
        for info in self._infos(remote):
            came = local / info.base_name
            if info.is_file and not (came.is_file() and came.stat().st_size == info.size):
                raise OSError(f"{info.path} has not come whole")

    def _delete(self, file: str) -> None:
        if self._remote.get_file_info(file).type != fs.FileType.NotFound:
            self._remote.delete_file(file)

    def _retry(
        self,
        call: Callable[[], Result],
        seconds: float | None = None,
    ) -> Result:
        """Calls, and repeats the call while the storage refuses.

        Raises:
            StorageError: where it refused for ``retry_seconds``, or gave no answer in ``seconds``.
            FileNotFoundError: at once, without a repetition: another attempt may have removed it.
        """
        limit = self._retry_seconds if seconds is None else seconds
        retrying = Retrying(
            retry=retry_if_exception_type(OSError)
            & retry_if_not_exception_type((FileNotFoundError, NoAnswerError)),
            stop=stop_after_delay(self._retry_seconds),
            wait=wait_random_exponential(multiplier=0.5, max=10),
            before_sleep=self._keep_problem,
            reraise=True,
        )
        start = time.monotonic()
        try:
            result = retrying(lambda: within(limit, call))
            self.problem = ""
            return result
        except FileNotFoundError:
            raise
        except OSError as problem:
            self.problem = str(problem)
            waited = time.monotonic() - start
            raise StorageError(
                f"the storage {self._folder} refused for {waited:.0f} s: {problem}"
            ) from problem

    def _keep_problem(self, state: RetryCallState) -> None:
        self.problem = str(state.outcome and state.outcome.exception())


class BackgroundPoll:
    """Calls ``ask`` every few seconds in a thread, and returns its latest answer without waiting.

    A storage that hangs blocks only the thread. The thread ends once an answer is not empty, or the
    poll is closed.
    """

    def __init__(self, ask: Callable[[], str], seconds: float = 1.0) -> None:
        self._ask = ask
        self._seconds = seconds
        self._answer = ""
        self._closed = threading.Event()
        threading.Thread(target=self._work, daemon=True, name="requests").start()

    def __call__(self) -> str:
        """The latest answer."""
        return self._answer

    def close(self) -> None:
        """Stops asking."""
        self._closed.set()

    def _work(self) -> None:
        while not self._answer and not self._closed.is_set():
            self._answer = self._ask()
            self._closed.wait(self._seconds)
