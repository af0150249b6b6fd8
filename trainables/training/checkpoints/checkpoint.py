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

from trainables.config.checkpoint_place import STATE, damage
from trainables.data.dataset import Dataset
from trainables.files.sealed import file_digest, seal
from trainables.files.whole_file import name_file, rename_durably, whole_file

FORMAT = 1
"""Raised when an older reader would misread what is written."""


class CheckpointError(ValueError):
    """A folder that holds no usable checkpoint, and why."""


class UnreachableCheckpointError(CheckpointError):
    """A checkpoint that may be whole, but whose files the system does not let be read."""


def write_checkpoint(folder: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Writes the tensors under the name of their content, then the state file that names them.

    Each of several tensors that share memory, such as tied weights, is written as a copy.

    The checkpoint changes when the state file is renamed: a process that is killed before that
    leaves the previous checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{os.getpid()}.partial"
    try:
        save_tensors(_without_shared_memory(tensors), draft)
        digest = file_digest(draft)
        file = f"tensors-{digest[:12]}.safetensors"
        rename_durably(draft, folder / file)
    except OSError as problem:
        name_file(problem, folder, draft)
        raise
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
        OSError: where the disk refuses; safetensors raises an error of its own for it.
    """
    try:
        save_file(tensors, path)
    except SafetensorError as problem:
        match = re.search(r"os error (\d+)", str(problem))
        if match is None:
            raise
        errno_value = int(match[1])
        raise OSError(errno_value, os.strerror(errno_value), str(path)) from problem


def checkpoint_files(folder: Path) -> list[Path]:
    """The checkpoint's files, the state file last: the order in which to copy them.

    A copy that is cut off then lacks its state file.
    """
    return [*sorted(folder.glob("tensors-*.safetensors")), *folder.glob(STATE)]


def read_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, on the CPU, and the state.

    Raises:
        UnreachableCheckpointError: where the system refuses: permissions, a failing disk.
        CheckpointError: missing, damaged, or of a newer format.
    """
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        version = state["format"]
        if version > FORMAT:
            raise CheckpointError(
                f"{folder} is of format {version}, this version reads {FORMAT}: update RankTune"
            )
        if problem_text := damage(folder, state):
            raise CheckpointError(problem_text)
        return load_file(folder / state["tensors"]), state
    except CheckpointError:
        raise
    except FileNotFoundError as problem:
        raise CheckpointError(
            f"{folder} is no checkpoint: {problem.filename} is missing"
        ) from problem
    except OSError as problem:
        raise UnreachableCheckpointError(
            f"{problem.filename or folder} cannot be read ({problem.strerror or problem}); mend "
            f"that, or remove {folder} to do without this checkpoint"
        ) from problem
    except (ValueError, KeyError, TypeError, SafetensorError) as problem:
        raise CheckpointError(f"{folder} is damaged: {problem!r}") from problem


def check_same_training(
    folder: Path,
    tensors: dict[str, Tensor],
    state: dict[str, Any],
    trial_id: str,
    data: Dataset,
    expected: dict[str, Tensor],
) -> None:
    """Refuses a checkpoint of another trial, other images, or other tensors than ``expected``.

    Raises:
        CheckpointError: where the trial, the images, or the names or shapes of tensors differ.
    """
    if state.get("trial_id") != trial_id:
        raise CheckpointError(
            f"{folder} is of trial {state.get('trial_id')}, this one is {trial_id}"
        )
    recorded, present = state.get("dataset_checksum"), data.checksum
    if recorded != present:
        raise CheckpointError(
            f"{folder} was trained on other images of {data.name!r} (checksum "
            f"{str(recorded)[:8]}, here {present[:8]})"
        )
    shapes = {name: tensor.shape for name, tensor in expected.items()}
    if shapes != {name: tensor.shape for name, tensor in tensors.items()}:
        raise CheckpointError(
            f"{folder} holds tensors of other names or shapes than {trial_id} has"
        )


def _without_shared_memory(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors on the CPU, shared ones copied: safetensors refuses tensors that share memory."""
    addresses: set[int] = set()
    separate = {}
    for name, tensor in tensors.items():
        on_cpu = tensor.cpu().contiguous()
        address = on_cpu.untyped_storage().data_ptr()
        separate[name] = on_cpu.clone() if address in addresses else on_cpu
        addresses.add(address)
    return separate
