"""Whether a file is as it was, told without reading it."""

from __future__ import annotations

from pathlib import Path

FileState = tuple[int, int, int]
"""Its size in bytes, and when its content and its entry were changed, in nanoseconds."""


def file_state(path: str | Path) -> FileState:
    """What is another one once the file was changed, replaced or allowed to be read.

    The time of its content alone does not tell: ``cp -p``, ``mv`` and archives keep it.

    Raises:
        OSError: there is no such file.
    """
    state = Path(path).stat()
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns


def is_as_it_was(path: str | Path, before: FileState) -> bool:
    """Whether the file is there, and as it was."""
    try:
        return file_state(path) == before
    except OSError:
        return False
