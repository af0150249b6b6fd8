"""The file system behind a place of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainables.files.storage import is_uri


def filesystem(place: str) -> tuple[Any, str]:
    """The file system of pyarrow and the path within it."""
    from pyarrow import fs  # takes a quarter of a second, which --plan need not wait

    if is_uri(place):
        system, root = fs.FileSystem.from_uri(place)
        return system, root
    return fs.LocalFileSystem(), str(Path(place).expanduser().absolute())
