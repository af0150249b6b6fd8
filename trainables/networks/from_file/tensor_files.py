"""Tensor files that a network reads while it is built, but that Python does not open itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors.numpy
import safetensors.torch

MODULES: tuple[Any, ...] = (safetensors, safetensors.torch, safetensors.numpy)
"""Modules from which a network may import ``safe_open``."""


@contextlib.contextmanager
def tensor_files_noted(found: set[Path]) -> Iterator[None]:
    """Within, adds opened safetensors files: Rust opens them, without an audit event."""
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
