"""What the code that trains is: where it differs between nodes, so may their numbers."""

from __future__ import annotations

import functools
import hashlib
from importlib import metadata
from pathlib import Path


@functools.cache
def torch_version() -> str:
    """The installed torch, without what it was built for: cards and processors may be mixed."""
    return metadata.version("torch").partition("+")[0]


SOURCES = (".py", ".c", ".h")


@functools.cache
def code_digest() -> str:
    """A checksum of this package's sources, 16 hexadecimal digits, as they lie on this machine."""
    root = Path(__file__).resolve().parents[1]
    files = sorted(path for path in root.rglob("*") if path.suffix in SOURCES)
    digest = hashlib.blake2b(digest_size=8)
    for file in files:
        digest.update(file.relative_to(root).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
