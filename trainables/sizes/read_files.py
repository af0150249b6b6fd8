"""Files that a user's network reads while it is built, such as weights, and that define it.

A table lists each among its sources, by a checksum and a path. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trainables.files.sealed import file_digest

MARK, PLACE = "blake2b:", " at "
CODE = (".py", ".pyc", ".pyi", ".so")
"""Suffixes of code files, which are left out: versions of libraries are recorded elsewhere."""

_watching: list[set[Path]] = []
_hooked: list[bool] = []


@contextlib.contextmanager
def files_read() -> Iterator[set[Path]]:
    """Collects the files that Python opens for reading, those of installed libraries excepted."""
    if not _hooked:
        sys.addaudithook(_note)  # an audit hook cannot be removed, so it is added once
        _hooked.append(True)
    found: set[Path] = set()
    _watching.append(found)
    try:
        yield found
    finally:
        _watching.remove(found)


def as_sources(files: Iterable[Path], folder: Path) -> dict[str, str]:
    """The checksum and path of each file, by its path relative to the network's folder."""
    return {
        os.path.relpath(file, folder.absolute()): f"{MARK}{_checksum(file)}{PLACE}{file}"
        for file in sorted(files)
        if file.is_file()
    }


def without_place(source: str) -> str:
    """The source without a file's path, which does not change the network."""
    return source.partition(PLACE)[0] if source.startswith(MARK) else source


def changed_files(sources: Mapping[str, str]) -> list[str]:
    """Which of the files are missing or have changed."""
    places = (text.split(PLACE, 1) for text in sources.values() if text.startswith(MARK))
    return [place for mark, place in places if mark != f"{MARK}{_checksum(Path(place))}"]


def _checksum(file: Path) -> str:
    """The checksum as 32 hexadecimal digits; "" where the file cannot be read."""
    try:
        return file_digest(file)
    except OSError:
        return ""


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _watching:
        return
    path, mode, _ = arguments
    if not isinstance(path, str | os.PathLike) or set(mode or "r") & set("wax+"):
        return
    file = Path(path).absolute()
    libraries = {Path(sys.prefix), Path(sys.base_prefix), Path("/proc"), Path("/sys"), Path("/dev")}
    if file.suffix not in CODE and not any(map(file.is_relative_to, libraries)):
        for found in _watching:
            found.add(file)
