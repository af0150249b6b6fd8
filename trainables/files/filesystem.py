"""The file system of a path or URI: of a disk, or of an object store."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from trainables.files.storage import is_uri

Result = TypeVar("Result")

OBJECT_STORES = ("s3", "gcs", "abfs")
"""In these a bucket that does not exist looks like an empty one."""

S3_ANSWER_SECONDS = 15.0
"""Time limit of a request. AWS's default of 3 s would never get an answer from a slow S3."""

S3_ATTEMPTS = 8
"""Attempts per request: about six seconds, where each is refused."""

WITHOUT_FOLDERS = ("s3", "gcs")
"""Names may contain slashes there, and creating folders would cost one request for each."""


class NotStoredError(OSError):
    """What was written is not there; or another's file of the same name is."""


def filesystem(place: str) -> tuple[Any, str]:
    """The file system of pyarrow and the path within it."""
    from pyarrow import fs  # takes a quarter of a second, which --plan does not need

    if is_uri(place):
        system, root = fs.FileSystem.from_uri(place)
        return (_patient(system) if system.type_name == "s3" else system), root
    return fs.LocalFileSystem(), str(Path(place).expanduser().absolute())


def _patient(system: Any) -> Any:
    """The same S3 with settings that a URI cannot hold; the pickle protocol gives the others.

    With ``allow_delayed_open`` a small file takes one request instead of three. The retry strategy,
    which the pickle protocol does not keep, waits for a server that is starting.
    """
    from pyarrow import fs  # takes a quarter of a second, which --plan does not need

    rebuild, (settings,) = system.__reduce__()
    own = {
        "request_timeout": S3_ANSWER_SECONDS,
        "allow_delayed_open": True,
        "retry_strategy": fs.AwsDefaultS3RetryStrategy(max_attempts=S3_ATTEMPTS),
    }
    return rebuild({**settings, **own})


def make_folder(system: Any, path: str) -> None:
    """Creates a folder, where the file system has folders."""
    if system.type_name not in WITHOUT_FOLDERS:
        system.create_dir(path, recursive=True)


def read_file(system: Any, path: str) -> bytes:
    """A file's content.

    Raises:
        FileNotFoundError: there is no such file. Another OSError: its bucket is gone.
    """

    def read() -> bytes:
        with system.open_input_stream(path) as file:
            return bytes(file.readall())

    return _found(system, path, read)


def remove_file(system: Any, path: str) -> None:
    """Removes a file; raises as ``read_file`` does."""
    _found(system, path, lambda: system.delete_file(path))


def write_file(system: Any, path: str, content: bytes) -> None:
    """Replaces a file in a folder of ``make_folder``; raises OSError where it is not there then."""
    try:
        with system.open_output_stream(path) as file:
            file.write(content)
    except OSError as problem:
        if "NO_SUCH_BUCKET" in str(problem):
            check_bucket(system, path)  # raises a shorter message
        raise
    check_sizes(system, {path: len(content)})


def check_sizes(system: Any, sizes: Mapping[str, int]) -> None:
    """Raises NotStoredError where files that were written to an object store differ in size there.

    A proxy, or a page that asks to log in, answers every request with success.
    """
    if system.type_name not in OBJECT_STORES:
        return
    for info, size in zip(system.get_file_info(list(sizes)), sizes.values(), strict=True):
        if info.size != size:
            raise NotStoredError(f"{size} bytes were written to {info.path}, where {info.size} are")


def list_folder(system: Any, path: str, *, recursive: bool = False) -> list[Any]:
    """The content of a folder as pyarrow's FileInfo; empty where there is no such folder.

    Raises:
        OSError: the file system refuses, or the bucket is gone, or it is no object store.
    """
    from pyarrow import fs  # as above

    where = fs.FileSelector(path, allow_not_found=True, recursive=recursive)
    found = system.get_file_info(where)
    if not found and system.type_name in OBJECT_STORES:
        check_bucket(system, path)
        check_store(system, path)
        found = system.get_file_info(where)  # the bucket may have been missing only then
    return found


def check_bucket(system: Any, path: str) -> None:
    """Raises OSError where the bucket at the start of an object store's path does not exist."""
    from pyarrow import fs  # as above

    bucket = path.partition("/")[0]
    if system.get_file_info(bucket).type == fs.FileType.NotFound:
        raise OSError(f"the bucket {bucket} does not exist")


def check_store(system: Any, path: str) -> None:
    """Raises OSError where something that was never written is found in an object store.

    See ``check_sizes``.
    """
    from pyarrow import fs  # as above

    nothing = f"{path.partition('/')[0]}/{secrets.token_hex(16)}"
    is_store = system.type_name in OBJECT_STORES
    if is_store and system.get_file_info(nothing).type != fs.FileType.NotFound:
        raise OSError("it answers every question alike, as a proxy or a page to log in does")


def _found(system: Any, path: str, act: Callable[[], Result]) -> Result:
    """What ``act`` returns; a missing bucket raises OSError rather than FileNotFoundError."""
    try:
        return act()
    except FileNotFoundError:
        if system.type_name not in OBJECT_STORES:
            raise
        check_bucket(system, path)
        return act()  # as in ``list_folder``
