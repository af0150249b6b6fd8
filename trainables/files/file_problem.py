"""The message about a file or folder that cannot be used."""

from __future__ import annotations

import errno
import os
from pathlib import Path

REMEDIES = {
    errno.EACCES: "allow it to be read and written, or name another",
    errno.EPERM: "allow it to be read and written, or name another",
    errno.EROFS: "name a place that can be written, or copy the folder to one",
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EFBIG: "raise the shell's limit of a file's size (ulimit -f), or name another disk",
    errno.ENAMETOOLONG: "give it a shorter name",
    errno.ELOOP: "the link leads to itself",
}


_GONE = "the present working directory no longer exists; change to one that does"
"""The one error for which the system names no file."""


def file_problem(problem: OSError) -> str:
    """The file, the problem and the remedy: ``images: Permission denied; …``."""
    if problem.strerror is None:
        return str(problem)
    remedy = REMEDIES.get(problem.errno or 0)
    told = f"{problem.strerror}; {remedy}" if remedy else problem.strerror
    if problem.filename is None:
        return _GONE if problem.errno == errno.ENOENT else told
    # bytes that are not UTF-8 are written as \xNN
    return f"{os.fsencode(problem.filename).decode('utf-8', 'backslashreplace')}: {told}"


def unwritable(folder: Path) -> str | None:
    """What keeps a folder from being made or written to, as far as that can be seen; else None."""
    place = folder.absolute()
    nearest = next(parent for parent in (place, *place.parents) if os.path.lexists(parent))
    if not nearest.is_dir():
        return f"{place} cannot be written to: {nearest} is no folder; name another with --out"
    if not os.access(nearest, os.W_OK | os.X_OK):
        return f"nothing can be written in {nearest}; name another folder with --out"
    return None
