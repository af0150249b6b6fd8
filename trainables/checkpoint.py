"""A training's state in a folder: tensors in safetensors, the rest in JSON, written whole or not
at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

FORMAT = 1
"""Raised when an older reader would misread what is written."""

STATE = "state.json"
TENSORS = "tensors.safetensors"


class CheckpointError(ValueError):
    """A folder that holds no usable checkpoint, and why."""


def write_checkpoint(folder: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Writes into a folder beside ``folder``, waits for the disk, then gives it its name.

    A kill at any moment leaves the old folder or the new one.
    """
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        save_file(
            {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, partial / TENSORS
        )
        state = {"format": FORMAT, **state, "tensors_blake2b": _digest(partial / TENSORS)}
        (partial / STATE).write_text(json.dumps(state, indent=1), encoding="utf-8")
        for path in (partial / TENSORS, partial / STATE, partial):
            _flush(path)
        _replace(partial, folder)
        _flush(folder.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def read_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, on the CPU, and the state.

    Raises:
        CheckpointError: missing, damaged, or of a newer format.
    """
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        found = state["format"]
        if found > FORMAT:
            raise CheckpointError(
                f"{folder} is of format {found}, this version reads {FORMAT}: update RankTune"
            )
        if _digest(folder / TENSORS) != state["tensors_blake2b"]:
            raise CheckpointError(
                f"{folder / TENSORS} is damaged: its checksum is not that of {STATE}"
            )
        return load_file(folder / TENSORS), state
    except FileNotFoundError as problem:
        raise CheckpointError(
            f"{folder} is no checkpoint: {problem.filename} is missing"
        ) from problem
    except (
        OSError,
        json.JSONDecodeError,
        KeyError,
        TypeError,
        UnicodeDecodeError,
        SafetensorError,
    ) as problem:
        raise CheckpointError(f"{folder} is damaged: {problem!r}") from problem


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(new: Path, folder: Path) -> None:
    """Renames ``new`` to ``folder``; an older folder of that name is moved aside first, then
    removed."""
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
