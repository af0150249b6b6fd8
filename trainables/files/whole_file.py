"""Writes files atomically: readers see the old content or the new, never a part."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

DRAFT = re.compile(r"\..+\.[0-9a-f]{8}|\.drafts-\w{8}")
"""The names of drafts: of a file, and of a folder of files."""


@contextlib.contextmanager
def whole_file(path: Path, *, stem: str = "", durable: bool = False) -> Iterator[Path]:
    """Yields a draft beside ``path`` to write to, and renames it to ``path`` at the end.

    Several processes may write the same file: each has its own draft, and the last rename wins. An
    exception removes the draft, and an OSError names the file. The folder must exist. ``stem`` is
    part of the draft's name, by default that of ``path``. A ``durable`` file survives a loss of
    power.
    """
    draft = path.with_name(f".{stem or path.name}.{secrets.token_hex(4)}")
    try:
        yield draft
        if durable:
            rename_durably(draft, path)
        else:
            draft.replace(path)
    except BaseException as problem:
        draft.unlink(missing_ok=True)
        name_file(problem, path, draft)
        raise


@contextlib.contextmanager
def whole_files(folder: Path, *, last: str) -> Iterator[Path]:
    """Yields a folder to write files to, which replace those in ``folder`` at the end, together.

    An exception leaves ``folder`` as it was, and an OSError names the file in it. The file ``last``
    is moved after all others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drafts = Path(tempfile.mkdtemp(prefix=".drafts-", dir=folder))
    try:
        yield drafts
        for draft in sorted(drafts.iterdir(), key=lambda draft: draft.name == last):
            draft.replace(folder / draft.name)
    except OSError as problem:
        if problem.filename and Path(problem.filename).parent == drafts:
            problem.filename = str(folder / Path(problem.filename).name)
        raise
    finally:
        shutil.rmtree(drafts, ignore_errors=True)


def remove_left_drafts(*folders: Path) -> None:
    """Removes drafts of killed processes; those of the last hour may be in use."""
    for folder in folders:
        for path in folder.iterdir() if folder.is_dir() else ():
            with contextlib.suppress(OSError):  # another process removes it, or it may not be
                if not DRAFT.fullmatch(path.name) or path.lstat().st_mtime > time.time() - 3600:
                    continue
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def name_file(problem: BaseException, name: object, draft: Path | None = None) -> None:
    """Names the file in a system's error that names none, as those of writing, or its draft."""
    if not isinstance(problem, OSError) or problem.errno is None:
        return
    if problem.filename is None or str(problem.filename) == str(draft):
        problem.filename = str(name)


def write_whole(path: Path, content: str | bytes) -> None:
    """Replaces a text file (UTF-8) atomically; raises OSError where it cannot be written."""
    with whole_file(path) as draft:
        draft.write_bytes(content.encode() if isinstance(content, str) else content)


def rename_durably(draft: Path, path: Path) -> None:
    """Renames a file after its content has reached the disk."""
    _flush(draft)
    draft.replace(path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as problem:
        name_file(problem, path)
        raise
    finally:
        os.close(descriptor)
