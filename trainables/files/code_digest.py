"""Digest of the training code: nodes with different code may compute different numbers."""

from __future__ import annotations

import functools
import hashlib
from importlib import metadata
from pathlib import Path


@functools.cache
def torch_version() -> str:
    """The installed torch's version without its build (CPU, CUDA), as nodes may differ in that."""
    return metadata.version("torch").partition("+")[0]


SOURCES = (".py", ".c", ".h")


@functools.cache
def code_digest() -> str:
    """A checksum of this package's sources on this machine, 16 hexadecimal digits."""
    root = Path(__file__).resolve().parents[1]
    files = sorted(path for path in root.rglob("*") if path.suffix in SOURCES)
    digest = hashlib.blake2b(digest_size=8)
    for file in files:
        digest.update(file.relative_to(root).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
