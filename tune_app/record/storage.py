"""Small files in a study's storage, which is a folder or a URI."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from trainables.files.filesystem import (
    filesystem,
    list_folder,
    make_folder,
    read_file,
    remove_file,
    write_file,
)
from trainables.files.storage import is_uri
from trainables.files.whole_file import whole_file
from trainables.training.checkpoints.time_limit import within

ANSWER_SECONDS = 30.0
"""Time limit of one call: a request to S3, or to a folder of a file server, may hang for ever."""


class StorageFolder:
    """A folder of a storage, given as a path or URI; files are written atomically.

    Each call ends within ``seconds``. Every method raises OSError where the storage refuses or its
    bucket is gone, and FileNotFoundError for a missing file.
    """

    def __init__(self, storage: str, *, seconds: float = ANSWER_SECONDS) -> None:
        self.storage = storage
        self._seconds = seconds
        self._local: Path | None = None
        if not is_uri(storage):
            self._local = Path(storage).expanduser().absolute()
            return
        self._remote, self._root = within(seconds, lambda: filesystem(storage))
        if self._remote.type_name == "local":  # file://…
            self._local = Path(self._root)
        self._made: set[str] = set()

    @property
    def is_remote(self) -> bool:
        """Whether it is not a folder of this machine's file system."""
        return self._local is None

    def write(self, name: str, content: bytes) -> None:
        """Writes a file, and creates the folders above it."""
        within(self._seconds, lambda: self._put(name, content))

    def create(self, name: str, content: bytes) -> None:
        """Writes a new file; raises FileExistsError where it exists.

        In a remote storage two processes may do so at the same time; the last write wins.
        """
        within(self._seconds, lambda: self._put(name, content, create=True))

    def read(self, name: str) -> bytes:
        """A file's content."""
        if (local := self._local) is not None:
            return within(self._seconds, (local / name).read_bytes)
        return within(self._seconds, lambda: read_file(self._remote, f"{self._root}/{name}"))

    def remove(self, name: str) -> None:
        """Removes a file."""
        if (local := self._local) is not None:
            within(self._seconds, (local / name).unlink)
            return
        within(self._seconds, lambda: remove_file(self._remote, f"{self._root}/{name}"))

    def names(self, below: str) -> list[str]:
        """The sorted paths of all files below one of its folders, relative to that folder.

        Empty where there is no such folder.
        """
        if (local := self._local) is not None:
            return within(self._seconds, lambda: sorted(_files_below(local / below)))
        return within(self._seconds, lambda: self._list(f"{self._root}/{below}"))

    def _put(self, name: str, content: bytes, *, create: bool = False) -> None:
        if self._local is not None:
            _put_locally(self._local / name, content, create=create)
            return
        path = f"{self._root}/{name}"
        folder = path.rpartition("/")[0]
        if folder not in self._made:
            make_folder(self._remote, folder)
            self._made.add(folder)
        write_file(self._remote, path, content)

    def _list(self, top: str) -> list[str]:
        from pyarrow import fs  # takes a quarter of a second, which --plan need not wait

        infos = list_folder(self._remote, top, recursive=True)
        files = (info.path for info in infos if info.type == fs.FileType.File)
        return sorted(path.removeprefix(f"{top}/") for path in files)


def _put_locally(path: Path, content: bytes, *, create: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if create:
        with path.open("xb") as file:
            file.write(content)
    else:
        with whole_file(path) as draft:
            draft.write_bytes(content)


def _files_below(top: Path) -> Iterator[str]:
    """The relative paths of all files below; raises for unreadable folders, unlike ``rglob``."""

    def fail(problem: OSError) -> None:
        # a missing one was removed in the meantime, or never existed
        if not isinstance(problem, FileNotFoundError):
            raise problem

    for folder, _, names in os.walk(top, onerror=fail):
        yield from (Path(folder, name).relative_to(top).as_posix() for name in names)


def free_bytes(storage: str) -> int | None:
    """Free bytes on the disk of a folder; None where they are unknown."""
    if is_uri(storage):
        return None
    try:
        return shutil.disk_usage(Path(storage)).free
    except OSError:
        return None


def is_busy(reason: str) -> bool:
    """Whether a storage refused a request with HTTP's 500 or 503; it may take the next one."""
    return bool(re.search("SLOW_DOWN|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|status 50[03]", reason))


def plain_reason(reason: str) -> str:
    """A storage's error in one line, explained where the storage is too busy."""
    reason = " ".join(reason.split())
    if is_busy(reason):
        return f"it is overloaded or down, and refuses requests, if not all of them: {reason}"
    return reason


def folder_id(place: str) -> str:
    """Tells a folder of this machine from its copies; "" for a URI, or where none answers."""
    with contextlib.suppress(OSError):
        status = within(ANSWER_SECONDS, Path(place).stat)
        return f"{status.st_dev}:{status.st_ino}"
    return ""
