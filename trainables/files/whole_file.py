"""Writes a file whole or not at all: readers see the old one or the new one, never half of it."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_file(path: Path, *, stem: str = "", durable: bool = False) -> Iterator[Path]:
    """A draft beside ``path`` to write to, which takes its name on leaving.

    Several processes may write the same file: each has a draft of its own, and the last one stays.
    A draft that an exception left is removed; its folder must exist. ``stem`` names the draft,
    ``path`` by default; a ``durable`` file survives a loss of power.
    """
    draft = path.with_name(f".{stem or path.name}.{secrets.token_hex(4)}")
    try:
        yield draft
        if durable:
            rename_durably(draft, path)
        else:
            draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: str | bytes) -> None:
    """Replaces a file, text in UTF-8; raises OSError where it cannot be written."""
    with whole_file(path) as draft:
        draft.write_bytes(content.encode() if isinstance(content, str) else content)


def rename_durably(draft: Path, path: Path) -> None:
    """Gives a written file its name, once the disk has its content."""
    _flush(draft)
    draft.replace(path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
