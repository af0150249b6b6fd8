"""Trained weights that a network starts from: those of a file, or of its library."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from trainables.architectures.layer_table import LayerTable
from trainables.architectures.read_files import files_read
from trainables.config.carried_files import local_path, pretrained_path
from trainables.config.starting_weights import PRETRAINED, StartingWeights, split_weights
from trainables.files.file_state import file_state
from trainables.files.whole_file import write_whole
from trainables.networks.from_file.tensor_files import tensor_files_noted
from trainables.networks.pretrained import TrainedWeights, pretrained_weights
from trainables.networks.reference import read_reference
from trainables.networks.weights import (
    WeightsError,
    copy_weights,
    misfits,
    read_weights,
)


def inspect_weights(network: nn.Module, table: LayerTable, name: str) -> StartingWeights:
    """Compares a file, or "pretrained", with a network, which may be on the meta device.

    Raises:
        NetworkError: where it cannot be read, or does not fit; names every layer that does not fit.
    """
    with files_read() as files, tensor_files_noted(files):
        trained = _read(name, table)
    fitting, fresh = _fitting(network.state_dict(), trained.tensors, table, name)
    return StartingWeights(
        digest=_digest(trained.tensors),
        tensors=len(fitting),
        fresh=tuple(dict.fromkeys(name.rpartition(".")[0] for name in fresh)),
        normalization=trained.normalization,
        files=tuple((str(file), file_state(file)) for file in sorted(files) if file.is_file()),
    )


def save_weights(table: LayerTable, name: str, path: Path) -> None:
    """Writes the tensors of a file, or of "pretrained", as a safetensors file.

    Raises:
        NetworkError: where they cannot be read. OSError: where the file cannot be written.
    """
    tensors = _read(name, table).tensors
    # copies: safetensors refuses tensors that share memory
    copies = {key: tensor.contiguous().clone() for key, tensor in tensors.items()}
    write_whole(path, save(copies))


def start_from_weights(network: nn.Module, table: LayerTable, weights: str) -> None:
    """Copies weights into a network, except those of a head with another number of classes.

    Args:
        network: the table's network, before any layer is replaced.
        table: of the network.
        weights: the resolved value of the key.

    Raises:
        NetworkError: where they cannot be read, do not fit, or are not those that were planned.
    """
    name, planned = split_weights(weights)
    with torch.random.fork_rng(devices=[]):  # a library draws random numbers to build the network
        trained = _read(name, table, planned)
    if planned not in (None, found := _digest(trained.tensors)):
        raise WeightsError(
            [
                f"weights {name} are others than when the trial was planned: they were {planned}, "
                f"they are {found}; bring them back, or plan the trial anew"
            ]
        )
    copy_weights(network, _fitting(network.state_dict(), trained.tensors, table, name)[0])


def _read(name: str, table: LayerTable, digest: str | None = None) -> TrainedWeights:
    if name != PRETRAINED:
        return TrainedWeights(read_weights(local_path(Path(name))))
    if digest and (brought := local_path(pretrained_path(digest))).is_file():
        return TrainedWeights(read_weights(brought))
    return pretrained_weights(read_reference(table.network))


def _fitting(
    own: Mapping[str, Tensor], found: Mapping[str, Tensor], table: LayerTable, name: str
) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors to take over, and the names of those of a head with other classes.

    Raises:
        WeightsError: where anything else differs.
    """
    called = [row for row in table.rows if row.position >= 0]
    last = f"{max(called, key=lambda row: row.position).name}.weight" if called else ""
    classes = [_rows(state.get(last)) for state in (own, found)]
    fresh = [
        key
        for key in found
        if key in own
        and own[key].shape != found[key].shape
        and [_rows(own[key]), _rows(found[key])] == classes
        and own[key].shape[1:] == found[key].shape[1:]
    ]
    rest = {key: tensor for key, tensor in found.items() if key not in fresh}
    matching = {key: tensor for key, tensor in own.items() if key not in fresh}
    source = f"{name} of {table.network}" if name == PRETRAINED else name
    if problems := misfits(matching, rest, source):
        raise WeightsError(problems)
    return rest, fresh


def _rows(tensor: Tensor | None) -> int:
    return 0 if tensor is None or tensor.dim() == 0 else tensor.shape[0]


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """The digest of names, types, shapes and values, the same for every file format."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
