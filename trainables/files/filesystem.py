"""The file system behind a place of files: a disk's, or an object store's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from trainables.files.storage import is_uri

Result = TypeVar("Result")

OBJECT_STORES = ("s3", "gcs", "abfs")
"""They list nothing, and find no file, in a bucket that does not exist."""

S3_ANSWER_SECONDS = 15.0
"""AWS's library gives a request 3 s, and repeats it: an S3 that takes 5 s would never answer."""

S3_ATTEMPTS = 8
"""Of each request, in six seconds where it is refused."""

WITHOUT_FOLDERS = ("s3", "gcs")
"""A file's name may hold slashes there; to make the folders above it takes a request for each."""


def filesystem(place: str) -> tuple[Any, str]:
    """The file system of pyarrow and the path within it."""
    from pyarrow import fs  # takes a quarter of a second, which --plan need not wait

    if is_uri(place):
        system, root = fs.FileSystem.from_uri(place)
        return (_patient(system) if system.type_name == "s3" else system), root
    return fs.LocalFileSystem(), str(Path(place).expanduser().absolute())


def _patient(system: Any) -> Any:
    """The same S3 with settings that a URI cannot name: the pickle protocol gives the others.

    A small file is one request instead of three. Retries are those of a URI's file system, which
    the protocol loses: a server that starts is waited for.
    """
    from pyarrow import fs  # takes a quarter of a second, which --plan need not wait

    rebuild, (settings,) = system.__reduce__()
    own = {
        "request_timeout": S3_ANSWER_SECONDS,
        "allow_delayed_open": True,
        "retry_strategy": fs.AwsDefaultS3RetryStrategy(max_attempts=S3_ATTEMPTS),
    }
    return rebuild({**settings, **own})


def make_folder(system: Any, path: str) -> None:
    """Makes a folder that files are to be written to, where the file system has folders."""
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
    """Replaces a file in a folder that ``make_folder`` made; raises OSError where it cannot."""
    try:
        with system.open_output_stream(path) as file:
            file.write(content)
    except OSError as problem:
        if "NO_SUCH_BUCKET" in str(problem):
            check_bucket(system, path)  # says it in fewer words
        raise


def list_folder(system: Any, path: str, *, recursive: bool = False) -> list[Any]:
    """What lies in a folder, as pyarrow's FileInfo; nothing where there is no such folder.

    Raises:
        OSError: the file system refuses, or the bucket is gone.
    """
    from pyarrow import fs  # as above

    where = fs.FileSelector(path, allow_not_found=True, recursive=recursive)
    found = system.get_file_info(where)
    if not found and system.type_name in OBJECT_STORES:
        check_bucket(system, path)
        found = system.get_file_info(where)  # it may have been gone for that moment
    return found


def check_bucket(system: Any, path: str) -> None:
    """Raises OSError where the bucket that a path of an object store begins with does not exist."""
    from pyarrow import fs  # as above

    bucket = path.partition("/")[0]
    if system.get_file_info(bucket).type == fs.FileType.NotFound:
        raise OSError(f"the bucket {bucket} does not exist")


def _found(system: Any, path: str, act: Callable[[], Result]) -> Result:
    """What ``act`` returns; a file whose bucket is gone is not one that is absent."""
    try:
        return act()
    except FileNotFoundError:
        if system.type_name not in OBJECT_STORES:
            raise
        check_bucket(system, path)
        return act()  # as in ``list_folder``
