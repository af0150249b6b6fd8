"""Detects whether a program yields the same data as before, without reading every picture."""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from pathlib import Path
from typing import Any

from trainables.architectures.read_files import files_read
from trainables.files.file_state import file_state

SAMPLED = 32
"""Items of each part that are read: a program that was changed shows in the first of them."""


def source_digest(parts: dict[str, Any], places: list[Path]) -> str | None:
    """A digest of the parts' objects, of a few of their items, and of the files in some folders.

    Everything that pickle stores of an object counts: arrays, labels, names of files. Files that it
    names, those of the folders, and those beside the files that the items were read from count by
    size and time of change.

    Args:
        parts: data sets or pairs of arrays, by name.
        places: folders and files from which the parts may read.

    Returns:
        32 hex digits; None where an object cannot be pickled: every picture must then be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    beside: set[Path] = set()
    try:
        for name, part in parts.items():
            digest.update(f"{name} {len(part)}\n".encode())
            _Pickler(digest).dump(part)
            if not isinstance(part, (tuple, list)):
                count = len(part)
                rows = sorted({round(row * (count - 1) / SAMPLED) for row in range(SAMPLED + 1)})
                with files_read() as opened:
                    for row in rows if count else ():
                        _Pickler(digest).dump(part[row])
                beside |= _files_beside(opened)
    except (Exception, SystemExit):  # of somebody's code: reading every picture tells what it is
        return None
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            digest.update(_state(path))
    for path in sorted(beside):
        digest.update(_state(path))
    return digest.hexdigest()


def _files_beside(opened: set[Path]) -> set[Path]:
    """The files of the same kinds in the same folders, or in all folders beside those.

    A data set may make a file's name as it reads it: other pictures lie where the sampled ones do.
    """
    folders, kinds = {path.parent for path in opened}, {path.suffix for path in opened}
    parents = {folder.parent for folder in folders}
    if len(folders) > 1 and len(parents) == 1:  # a folder for each class
        folders = {path for parent in parents for path in parent.iterdir() if path.is_dir()}
    return {path for folder in folders for path in folder.iterdir() if path.suffix in kinds}


def _state(path: str | Path) -> bytes:
    """A file's size and times of change; empty where it does not exist."""
    try:
        return f"{path} {file_state(path)}\n".encode()
    except (OSError, ValueError):
        return b""


class _Writer:
    """A file object that passes its content to a digest."""

    def __init__(self, digest: Any) -> None:
        self._digest = digest

    def write(self, content: Any) -> int:
        """Takes the next bytes."""
        self._digest.update(content)
        return memoryview(content).nbytes


class _Pickler(pickle.Pickler):
    """Feeds a digest."""

    def __init__(self, digest: Any) -> None:
        super().__init__(_Writer(digest), pickle.HIGHEST_PROTOCOL)
        self._digest = digest

    def persistent_id(self, obj: Any) -> None:
        """Looks at the files that an object names; pickle asks for each part of it."""
        if isinstance(obj, Path) or (type(obj) is str and os.sep in obj):
            self._digest.update(_state(obj))

    def reducer_override(self, obj: Any) -> Any:
        """Pickles a tensor by its values; torch's own way includes its address in memory."""
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(obj, torch.Tensor):
            values = obj.detach().cpu().contiguous()
            return str, (f"{values.dtype} {tuple(values.shape)}",), values.view(-1).numpy()
        return NotImplemented
