"""Files of tensors that a network reads while it is built, and that Python does not open itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors.numpy
import safetensors.torch

MODULES: tuple[Any, ...] = (safetensors, safetensors.torch, safetensors.numpy)
"""Where a network may have ``safe_open`` from."""


@contextlib.contextmanager
def tensor_files_noted(found: set[Path]) -> Iterator[None]:
    """Adds the safetensors files that are opened meanwhile: Rust opens them, without a notice."""
    opener = safetensors.safe_open

    def safe_open(filename: Any, *arguments: Any, **named: Any) -> Any:
        found.add(Path(filename).absolute())
        return opener(filename, *arguments, **named)

    _set(safe_open)
    try:
        yield
    finally:
        _set(opener)


def _set(opener: Any) -> None:
    for module in MODULES:
        module.safe_open = opener
