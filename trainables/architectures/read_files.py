"""Files that a user's network reads while it is built, such as weights, and that define it.

A table lists each among its sources, by a checksum and a path. Standard library only.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trainables.files.sealed import file_digest

MARK, PLACE = "blake2b:", " at "
CODE = (".py", ".pyc", ".pyi", ".so")
"""Suffixes of code files: those of libraries and of RankTune are left out."""

OURS = Path(__file__).resolve().parents[1]
PACKAGES = ("trainables", "search_spaces", "analysis", "tune_app")
"""The packages of RankTune, whose version is recorded elsewhere, as those of libraries are."""

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
    return source.partition(PLACE)[0] if is_checksum(source) else source


def moved(sources: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The sources with the paths of the files that lie likewise beside another folder."""
    places = {name: os.path.normpath(folder / name) for name in sources}
    return {
        name: f"{without_place(text)}{PLACE}{places[name]}"
        if is_checksum(text) and Path(places[name]).is_file()
        else text
        for name, text in sources.items()
    }


def is_checksum(source: str) -> bool:
    """Whether a source is a file of which the table holds no more than its checksum."""
    return source.startswith(MARK)


def changed_texts(sources: Mapping[str, str], folder: Path) -> list[str]:
    """Which of the files whose text is held are missing or have changed."""
    return [
        name
        for name, text in sources.items()
        if not is_checksum(text) and _text(folder / name) != text
    ]


def changed_files(sources: Mapping[str, str]) -> list[str]:
    """Which of the files are missing or have changed."""
    places = (text.split(PLACE, 1) for text in sources.values() if is_checksum(text))
    return [place for mark, place in places if mark != f"{MARK}{_checksum(Path(place))}"]


def _checksum(file: Path) -> str:
    """The checksum as 32 hexadecimal digits; "" where the file cannot be read."""
    try:
        return file_digest(file)
    except OSError:
        return ""


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("open", "sqlite3.connect") or not _watching:
        return
    path, mode, *_ = (*arguments, "r")
    if event == "sqlite3.connect" and isinstance(path, str):
        path = path.removeprefix("file:").partition("?")[0]  # where it is written as a URI
    if not isinstance(path, str | os.PathLike) or set(mode or "r") & set("wax+"):
        return
    file = Path(path).absolute()
    if file.suffix == ".pyc":  # what is kept of a module's text
        with contextlib.suppress(ValueError, NotImplementedError):
            file = Path(importlib.util.source_from_cache(path))
    if not _of_a_library(file):
        for found in _watching:
            found.add(file)


def _of_a_library(file: Path) -> bool:
    if {"site-packages", "dist-packages"} & set(file.parts):
        return True
    system = [Path(sys.prefix), Path(sys.base_prefix), Path("/proc"), Path("/sys"), Path("/dev")]
    program = [OURS.with_name(name) for name in PACKAGES] if file.suffix in CODE else []
    return any(map(file.is_relative_to, system + program))
