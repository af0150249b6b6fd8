"""Whether a file has changed, without reading it."""

from __future__ import annotations

from pathlib import Path

FileState = tuple[int, int, int]
"""Size in bytes, and the times of the last change of content and of inode, in nanoseconds."""


def file_state(path: str | Path) -> FileState:
    """A value that changes when the file is changed, replaced, or made readable.

    The time of the content is not enough: ``cp -p``, ``mv`` and archives preserve it.

    Raises:
        OSError: there is no such file.
    """
    state = Path(path).stat()
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns


def is_unchanged(path: str | Path, before: FileState) -> bool:
    """Whether the file exists with the recorded state."""
    try:
        return file_state(path) == before
    except OSError:
        return False
