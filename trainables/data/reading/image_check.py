"""Every file of a folder looked into once, and remembered while its size and time stay.

What is kept of a file is the digest of its decoded pixels, or why it cannot be read. The digests
of all files make the data's own, and tell which pictures occur twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from trainables.data.reading.image_folder import ImageFolder, name
from trainables.data.reading.repeats import repeat_notes
from trainables.data.sources import DatasetError
from trainables.files.file_state import FileState, file_state
from trainables.files.sealed import read_sealed, write_sealed
from trainables.files.user_cache import user_cache

if TYPE_CHECKING:
    from rich.console import Console

Item = TypeVar("Item")
Result = TypeVar("Result")

FORMAT = 5
"""Raised when a picture would be decoded to other pixels than before, or more is remembered."""

BAR_FROM = 200
"""Files; fewer are read before a bar could be seen."""


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """pixels: hex digest of size and pixels, "" where the file cannot be read; problem: why."""

    state: FileState
    pixels: str
    problem: str = ""
    animated: bool = False


@dataclass(frozen=True, slots=True)
class CheckedFolder:
    """A folder's files with what was found in each."""

    folder: ImageFolder
    files: Mapping[Path, CheckedFile]

    @property
    def unreadable(self) -> dict[Path, str]:
        """The files, and the folders as a whole, that cannot be read, and why."""
        files = {path: file.problem for path, file in self.files.items() if file.problem}
        return {**self.folder.closed, **files}

    @property
    def animated(self) -> int:
        """Files of several pictures."""
        return sum(file.animated for file in self.files.values())

    def digest(self) -> str:
        """Of the class names and the pixels of every readable file, in order."""
        digest = hashlib.blake2b(digest_size=16)
        for part, classes in self.folder.parts.items():
            for label, paths in classes.items():
                pixels = [self.files[path].pixels for path in paths]
                digest.update(json.dumps([part, label, list(filter(None, pixels))]).encode())
        return digest.hexdigest()

    def readable(self, paths: Sequence[Path]) -> list[Path]:
        """Those of the paths that can be read."""
        return [path for path in paths if not self.files[path].problem]

    def duplicates(self) -> list[str]:
        """Pictures that occur in two parts, twice in one, or in two classes; a sentence each."""
        return repeat_notes(
            (self.files[path].pixels, part, label)
            for part, classes in self.folder.parts.items()
            for label, paths in classes.items()
            for path in self.readable(paths)
        )


def check_images(folder: ImageFolder, *, skip_unreadable: bool) -> CheckedFolder:
    """Decodes every file that is not remembered, with a bar on the terminal where that takes long.

    Raises:
        DatasetError: naming every file that cannot be read, unless they are to be skipped.
    """
    memory = _memory_file(folder.root)
    remembered = _recall(memory)
    found: dict[Path, CheckedFile] = {}
    open_files: list[Path] = []
    files = folder.files()
    for path in files:
        known = remembered.get(str(path.relative_to(folder.root)))
        with contextlib.suppress(OSError):
            if known and known.state == file_state(path):
                found[path] = known
        if path not in found:
            open_files.append(path)
    if open_files:
        found |= dict(
            zip(open_files, on_every_core(_check, open_files, "reading images"), strict=True)
        )
        _remember(memory, folder.root, found)
    checked = CheckedFolder(folder, {path: found[path] for path in files})
    if checked.unreadable and not skip_unreadable:
        raise DatasetError(_unreadable_message(checked.unreadable))
    _refuse_empty(checked)
    return checked


def _unreadable_message(unreadable: Mapping[Path, str]) -> str:
    problems = "; ".join(f"{name(path)} ({problem})" for path, problem in unreadable.items())
    subject = "1 file cannot be read as an image" if len(unreadable) == 1 else (
        f"{len(unreadable):,} files cannot be read as images"
    )  # fmt: skip
    return f"{subject}: {problems}. Mend or remove them, or go on without them: --skip-unreadable"


def _refuse_empty(checked: CheckedFolder) -> None:
    empty = [
        name(f"{part}/{label}")
        for part, classes in checked.folder.parts.items()
        for label, paths in classes.items()
        if not checked.readable(paths)
    ]
    if empty:
        raise DatasetError(
            f"of these classes no image can be read: {', '.join(empty)}; "
            + _unreadable_message(checked.unreadable)
        )


def on_every_core(
    read: Callable[[Item], Result], items: Sequence[Item], what: str
) -> Iterator[Result]:
    """The results in order; ``what`` is done stands on the terminal where there are many items."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes without Python's lock
        yield from with_bar(pool.map(read, items), what, len(items))


def with_bar(items: Iterable[Result], what: str, count: int | None = None) -> Iterator[Result]:
    """The items, their progress on the terminal where there are many; ``count`` of a generator."""
    count = len(items) if isinstance(items, Sized) else count
    if count is None or count < BAR_FROM:
        yield from items
        return
    from rich.progress import track  # imported where a bar is shown

    yield from track(items, what, total=count, console=_console(), transient=True)


def _console() -> Console:
    """stderr: what is printed for a program to read stays alone on stdout."""
    from rich.console import Console  # imported where a bar is shown

    return Console(stderr=True)


def _check(path: Path) -> CheckedFile:
    # numpy and Pillow take a fifth of a second, which a plan whose images are known need not wait
    from trainables.data.reading.image_file import UnreadableImage, is_animated, read_image

    state: FileState = (0, 0, 0)
    try:
        state = file_state(path)
        pixels = read_image(path)
    except UnreadableImage as problem:
        return CheckedFile(state, "", str(problem))
    except OSError as problem:
        reason = "a link to a file that does not exist" if path.is_symlink() else problem.strerror
        return CheckedFile(state, "", str(reason))
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(pixels.data)
    return CheckedFile(state, digest.hexdigest(), "", is_animated(path))


def _memory_file(root: Path) -> Path:
    folder = hashlib.blake2b(os.fsencode(root.resolve()), digest_size=16).hexdigest()
    return user_cache() / "checked_images" / f"{folder}.json"


def _recall(memory: Path) -> dict[str, CheckedFile]:
    """What is remembered of a folder, by path below it; nothing where that cannot be read."""
    document = read_sealed(memory) or {}
    if document.get("format") != FORMAT:
        return {}
    return {
        path: CheckedFile(tuple(state), *values)
        for path, (state, *values) in document["files"].items()
    }


def _remember(memory: Path, root: Path, files: Mapping[Path, CheckedFile]) -> None:
    """Whole or not at all; where the cache cannot be written, the next look takes as long again."""
    rows = {
        str(path.relative_to(root)): (file.state, file.pixels, file.problem, file.animated)
        for path, file in files.items()
    }
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: there is no home folder
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(memory, {"format": FORMAT, "files": rows})
