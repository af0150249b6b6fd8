"""JSON objects that contain their own checksum, and digests of files: both reveal damage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainables.files.whole_file import write_whole

SEAL = "json_blake2b"


def seal(document: Mapping[str, Any]) -> dict[str, Any]:
    """The object with its checksum."""
    return {**document, SEAL: _digest(document)}


def is_whole(document: Mapping[str, Any]) -> bool:
    """Whether an object is unchanged since it was sealed; False where it has no checksum."""
    content = {name: value for name, value in document.items() if name != SEAL}
    return document.get(SEAL) == _digest(content)


def read_sealed(path: Path) -> dict[str, Any] | None:
    """The object in a file of ``write_sealed``; None where the file is missing or damaged."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not is_whole(document):
        return None
    del document[SEAL]
    return document


def write_sealed(path: Path, document: Mapping[str, Any]) -> None:
    """Replaces the file atomically; raises OSError where it cannot be written."""
    write_whole(path, json.dumps(seal(document)))


def file_digest(path: Path) -> str:
    """Digest of a file's content, 32 hexadecimal digits; raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(document).encode(), digest_size=16).hexdigest()
