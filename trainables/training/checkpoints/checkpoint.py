"""A training's state in a folder: tensors in safetensors, the rest in JSON, whole or absent."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from trainables.config.checkpoint_place import STATE
from trainables.data.dataset import Dataset
from trainables.files.sealed import SEAL, file_digest, is_whole, seal
from trainables.files.whole_file import rename_durably, whole_file

FORMAT = 1
"""Raised when an older reader would misread what is written."""


class CheckpointError(ValueError):
    """A folder that holds no usable checkpoint, and why."""


def write_checkpoint(folder: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Writes the tensors under the name of their content, then the state file that names them.

    Tensors that share memory, as tied weights do, are written once each.

    The state file's rename is the moment that counts: a kill before it leaves what was there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{os.getpid()}.partial"
    try:
        save_tensors(_apart(tensors), draft)
        digest = file_digest(draft)
        file = f"tensors-{digest[:12]}.safetensors"
        rename_durably(draft, folder / file)
    finally:
        draft.unlink(missing_ok=True)
    state = seal({"format": FORMAT, **state, "tensors": file, "tensors_blake2b": digest})
    with whole_file(folder / STATE, durable=True) as draft:
        draft.write_text(json.dumps(state, indent=1), encoding="utf-8")
    for path in checkpoint_files(folder):
        if path.name not in (file, STATE):
            path.unlink(missing_ok=True)


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Writes a safetensors file.

    Raises:
        OSError: what a disk refused; the library, which is Rust, has an error of its own for it.
    """
    try:
        save_file(tensors, path)
    except SafetensorError as problem:
        found = re.search(r"os error (\d+)", str(problem))
        if found is None:
            raise
        number = int(found[1])
        raise OSError(number, os.strerror(number), str(path)) from problem


def checkpoint_files(folder: Path) -> list[Path]:
    """The checkpoint's files, the state file last: whoever copies in this order copies it whole."""
    return [*sorted(folder.glob("tensors-*.safetensors")), *folder.glob(STATE)]


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
        if SEAL in state and not is_whole(state):  # those of before have none
            raise CheckpointError(f"{folder} is damaged: {STATE} is not what was written")
        file = folder / state["tensors"]
        if file_digest(file) != state["tensors_blake2b"]:
            raise CheckpointError(f"{file} is damaged: its checksum is not that of {STATE}")
        return load_file(file), state
    except CheckpointError:
        raise
    except FileNotFoundError as problem:
        raise CheckpointError(
            f"{folder} is no checkpoint: {problem.filename} is missing"
        ) from problem
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        SafetensorError,
    ) as problem:
        raise CheckpointError(f"{folder} is damaged: {problem!r}") from problem


def check_same_training(
    folder: Path,
    tensors: dict[str, Tensor],
    state: dict[str, Any],
    trial_id: str,
    data: Dataset,
    own: dict[str, Tensor],
) -> None:
    """Refuses a checkpoint that a training of other images or tensors than ``own`` wrote.

    Raises:
        CheckpointError: of another trial, other images, or tensors of other names or shapes.
    """
    if state.get("trial_id") != trial_id:
        raise CheckpointError(
            f"{folder} is of trial {state.get('trial_id')}, this one is {trial_id}"
        )
    then, now = state.get("dataset_checksum"), data.checksum
    if then != now:
        raise CheckpointError(
            f"{folder} was trained on other images of {data.name!r} (checksum "
            f"{str(then)[:8]}, here {now[:8]})"
        )
    shapes = {name: tensor.shape for name, tensor in own.items()}
    if shapes != {name: tensor.shape for name, tensor in tensors.items()}:
        raise CheckpointError(
            f"{folder} holds tensors of other names or shapes than {trial_id} has"
        )


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors on the CPU, none of which shares memory with another: safetensors has no ties."""
    taken: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        own = tensor.cpu().contiguous()
        memory = own.untyped_storage().data_ptr()
        apart[name] = own.clone() if memory in taken else own
        taken.add(memory)
    return apart
