"""Small files beside the checkpoints, in a folder or under a URI."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any


def write_file(storage: str, name: str, text: str) -> None:
    """Writes a small file, and the folder where there is none."""
    system, root = filesystem(storage)
    system.create_dir(root, recursive=True)
    with system.open_output_stream(f"{root}/{name}") as file:
        file.write(text.encode())


def read_file(storage: str, name: str) -> str:
    """Its content; raises OSError where there is none."""
    system, root = filesystem(storage)
    with system.open_input_stream(f"{root}/{name}") as file:
        return bytes(file.readall()).decode()


def remove_file(storage: str, name: str) -> None:
    """Removes it; raises OSError where there is none."""
    system, root = filesystem(storage)
    system.delete_file(f"{root}/{name}")


def free_bytes(storage: str) -> int | None:
    """Free bytes of a folder; None where they are unknown."""
    if "://" in storage:
        return None
    try:
        return shutil.disk_usage(Path(storage)).free
    except OSError:
        return None


def without_secrets(text: str) -> str:
    """Text as a study's files may hold it: its URIs without ``key:secret@``.

    Whoever reads the study's storage later finds both in the environment (AWS_ACCESS_KEY_ID, …).
    """
    return re.sub(r"(?<=://)[^/@\s\"']*@", "", text)


def join(storage: str, *names: str) -> str:
    """A place below a path or URI (whose query, if it has one, stays last)."""
    base, mark, query = storage.partition("?")
    return "/".join([base.rstrip("/"), *names]) + mark + query


def filesystem(storage: str) -> tuple[Any, str]:
    """The file system of pyarrow and the path within it."""
    from pyarrow import fs  # takes a quarter of a second, which --plan need not wait

    if "://" in storage:
        system, root = fs.FileSystem.from_uri(storage)
        return system, root
    return fs.LocalFileSystem(), str(Path(storage).expanduser().absolute())
