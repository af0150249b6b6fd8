"""Images that are too many for memory: packed in files that every process of a node maps.

They are written once, a folder for each content, size and resize rule, and checked by a digest
before they count. A process that maps them shares the pages with all others.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import humanize
import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from trainables.data.sources import DatasetError, packed_bytes
from trainables.files.sealed import file_digest, read_sealed, write_sealed
from trainables.files.user_cache import user_cache

IN_MEMORY_BYTES = 200_000_000
"""Of packed pixels; more would crowd Ray's object store, which has 300 MB, and every worker."""

ADVICE = "make room, name another place with XDG_CACHE_HOME, or lower image_size"

FORMAT = 1
DONE = "done.json"

Arrays = dict[str, NDArray[np.uint8]]


def new_arrays(counts: Mapping[str, int], side: int) -> Arrays:
    """(N, side, side, 4) zeros for each part."""
    return {part: np.zeros((count, side, side, 4), np.uint8) for part, count in counts.items()}


def map_arrays(
    key: str,
    count: Callable[[], Mapping[str, int]],
    side: int,
    fill: Callable[[Arrays], Mapping[str, Any]],
) -> tuple[Arrays, dict[str, Any]]:
    """The arrays of a content, mapped read-only, and what ``fill`` returned of them.

    Where they are not there yet, or not whole, one process of the node makes them and the others
    wait. A cache that cannot be written is used where it is whole.

    Args:
        key: Names content, size and resize rule.
        count: Says how many images each part has; asked where the arrays must be made.
        side: Pixels along each side.
        fill: Writes the pixels of every part and returns plain JSON values to keep beside them.

    Raises:
        DatasetError: the disk has no room, or the cache cannot be written.
    """
    folder = user_cache() / "pixels" / f"{key}-{FORMAT}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            found = _read_facts(folder)
            if found is None:
                found = _build(folder, count(), side, fill)
    except OSError as problem:
        found = _read_facts(folder)
        if found is None:
            raise DatasetError(
                f"the images at {side}×{side} pixels are too many for memory, and cannot be kept "
                f"in {folder.parent}: {problem.strerror or problem}; {ADVICE}"
            ) from problem
    parts, facts = found
    arrays = {part: np.load(folder / f"{part}.npy", mmap_mode="r") for part in parts}
    return arrays, facts


def _build(
    folder: Path,
    counts: Mapping[str, int],
    side: int,
    fill: Callable[[Arrays], Mapping[str, Any]],
) -> tuple[list[str], dict[str, Any]]:
    _remove(folder)
    needed, free = packed_bytes(sum(counts.values()), side), shutil.disk_usage(folder.parent).free
    if needed > free:
        sizes = f"{humanize.naturalsize(needed)}, {humanize.naturalsize(free)} are free"
        raise DatasetError(
            f"the images at {side}×{side} pixels need {sizes} in {folder.parent}: {ADVICE}"
        )
    partial = folder.with_name(f".{folder.name}.partial")
    _remove(partial)
    partial.mkdir(parents=True)
    try:
        facts = _write(partial, counts, side, fill)
    except BaseException:
        _remove(partial)  # its room may be what others need
        raise
    partial.rename(folder)
    return list(counts), facts


def _remove(folder: Path) -> None:
    """Removes a folder, or whatever lies in its place."""
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)
    else:
        folder.unlink(missing_ok=True)


def _write(
    folder: Path,
    counts: Mapping[str, int],
    side: int,
    fill: Callable[[Arrays], Mapping[str, Any]],
) -> dict[str, Any]:
    paths = {part: folder / f"{part}.npy" for part in counts}
    arrays = {part: _new_file(paths[part], count, side) for part, count in counts.items()}
    facts = dict(fill(arrays))
    for array in arrays.values():
        array.flush()  # type: ignore[attr-defined]
    files = {part: [*_state(path), file_digest(path)] for part, path in paths.items()}
    write_sealed(folder / DONE, {"files": files, "facts": facts})
    return facts


def _new_file(path: Path, count: int, side: int) -> NDArray[np.uint8]:
    """(count, side, side, 4) zeros in a file; raises OSError where the disk has no room for it."""
    shape = (count, side, side, 4)
    array = np.lib.format.open_memmap(path, "w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):  # to write what has no room would end the process
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def _read_facts(folder: Path) -> tuple[list[str], dict[str, Any]] | None:
    """The parts and what is kept beside; None where a file is missing or not what was written.

    The digest is compared where size or time of change are others: copied files are read once.
    """
    document = read_sealed(folder / DONE)
    if document is None:
        return None
    try:
        for part, (size, mtime_ns, digest) in document["files"].items():
            path = folder / f"{part}.npy"
            if _state(path) != (size, mtime_ns) and file_digest(path) != digest:
                return None
        return list(document["files"]), dict(document["facts"])
    except OSError:
        return None


def _state(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns
