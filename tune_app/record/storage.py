"""Small files beside the checkpoints, in a folder or under a URI."""

from __future__ import annotations

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
"""For one call to a remote storage: S3 may hang for ever."""


class StorageFolder:
    """A folder of a storage, named by a path or URI; a file is written whole or not at all.

    Each call to a remote storage ends within ``seconds``. Every method raises OSError where the
    storage refuses or its bucket is gone, and FileNotFoundError for a file that is not there.
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
        """Whether it is no folder of this machine's file system."""
        return self._local is None

    def write(self, name: str, content: bytes) -> None:
        """Writes a file, and the folders above it where there are none."""
        if self._local is None:
            within(self._seconds, lambda: self._put(f"{self._root}/{name}", content))
            return
        path = self._local / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as draft:
            draft.write_bytes(content)

    def create(self, name: str, content: bytes) -> None:
        """Writes a file that is not there; raises FileExistsError where it is.

        A remote storage cannot tell whether another did the same at this moment: the last stays.
        """
        if self._local is None:
            self.write(name, content)
            return
        path = self._local / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)

    def read(self, name: str) -> bytes:
        """A file's content."""
        if self._local is not None:
            return (self._local / name).read_bytes()
        return within(self._seconds, lambda: read_file(self._remote, f"{self._root}/{name}"))

    def remove(self, name: str) -> None:
        """Removes a file."""
        if self._local is not None:
            (self._local / name).unlink()
            return
        within(self._seconds, lambda: remove_file(self._remote, f"{self._root}/{name}"))

    def names(self, below: str) -> list[str]:
        """The files below one of its folders, however deep, by their path there; in order.

        There are none where there is no such folder.
        """
        if self._local is not None:
            return sorted(_files_below(self._local / below))
        return within(self._seconds, lambda: self._list(f"{self._root}/{below}"))

    def _put(self, path: str, content: bytes) -> None:
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


def _files_below(top: Path) -> Iterator[str]:
    """By their path there; a folder that cannot be read is an error, as ``Path.rglob`` has none."""

    def fail(problem: OSError) -> None:
        if not isinstance(problem, FileNotFoundError):  # removed meanwhile, or never there
            raise problem

    for folder, _, names in os.walk(top, onerror=fail):
        yield from (Path(folder, name).relative_to(top).as_posix() for name in names)


def free_bytes(storage: str) -> int | None:
    """Free bytes of a folder; None where they are unknown."""
    if is_uri(storage):
        return None
    try:
        return shutil.disk_usage(Path(storage)).free
    except OSError:
        return None


def named_place(storage: str) -> str:
    """A storage as the terminal's lines name it: without secrets and without options."""
    return without_secrets(storage).partition("?")[0]


def without_secrets(text: str) -> str:
    """Text as a study's files may hold it: its URIs without ``key:secret@``.

    Whoever reads the study's storage later finds both in the environment (AWS_ACCESS_KEY_ID, …).
    """
    return re.sub(r"(?<=://)[^/@\s\"']*@", "", text)
