"""Reads trained weights from files of any origin, and checks whether they fit a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from trainables.networks.network_error import NetworkError

NESTED = ("state_dict", "model_state_dict", "model")
"""Keys under which training programs such as timm's and torchvision's keep a network's state."""

WRAPPERS = ("module.", "_orig_mod.")
"""Prefixes that DataParallel and torch.compile add to every name."""

AVERAGED = "n_averaged"
"""A counter of AveragedModel beside a network's tensors, which have a prefix of WRAPPERS."""

OWN = "network."
"""The prefix of the network's tensors in a checkpoint of RankTune."""

COUNTER = "num_batches_tracked"
"""A counter of BatchNorm, which is not a weight and missing in files of older torch versions."""

MOST_NAMED = 40


class WeightsError(NetworkError):
    """Weights that cannot be read or do not fit; ``problems`` lists each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict by name, on the CPU.

    A ``.safetensors`` file, or what ``torch.save`` wrote: it is read with ``weights_only``, so that
    nothing in it is run. A checkpoint of RankTune counts for the network that it holds.

    Raises:
        WeightsError: where there is no such file, or it holds no state dict.
    """
    path = path.expanduser()
    try:
        if path.suffix == ".safetensors":
            return _plain_names(load_file(path))
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as problem:
        raise WeightsError(
            [f"weights {path} cannot be read: {problem.strerror or problem}"]
        ) from problem
    except Exception as problem:
        # a reader that is given arbitrary bytes raises anything: UnpicklingError, IndexError, …
        reason = str(problem).partition("\n")[0].rstrip(". ") or type(problem).__name__
        raise WeightsError(
            [
                f"weights {path} cannot be read ({reason}): a safetensors file or a state dict "
                "that torch.save wrote is expected, not a whole module"
            ]
        ) from problem
    return _plain_names(_state_dict(found, path))


def load_weights(network: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Copies weights into a network with tensors of exactly these names and shapes.

    Raises:
        WeightsError: naming every layer that does not fit; the network is then unchanged.
    """
    if problems := misfits(network.state_dict(), weights, source):
        raise WeightsError(problems)
    copy_weights(network, weights)


@torch.no_grad()
def copy_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copies tensors in place to those of the same names."""
    own = network.state_dict()
    for name, tensor in weights.items():
        own[name].copy_(tensor)


def misfits(own: Mapping[str, Tensor], weights: Mapping[str, Tensor], source: str) -> list[str]:
    """Why weights do not fit a network with the state ``own``; empty where they do."""
    shared = sorted(own.keys() & weights.keys())
    missing = sorted(name for name in own.keys() - weights.keys() if not name.endswith(COUNTER))
    shapes = [
        f"{name} is {tuple(weights[name].shape)}, the network has {tuple(own[name].shape)}"
        for name in shared
        if own[name].shape != weights[name].shape
    ]
    parts = {
        "has no": missing,
        "has, and the network has not,": sorted(weights.keys() - own.keys()),
        "other shapes:": shapes,
        "whole numbers where the network has fractions (quantised?):": [
            name
            for name in shared
            if own[name].is_floating_point() and not weights[name].is_floating_point()
        ],
        "not finite:": [
            name
            for name in shared
            if weights[name].is_floating_point() and not weights[name].isfinite().all()
        ],
    }
    return [
        f"weights {source} do not fit: {words} {_listed(names)}"
        for words, names in parts.items()
        if names
    ]


def _state_dict(found: Any, path: Path) -> dict[str, Tensor]:
    for key in NESTED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            _check_single(found, key, path)
            found = found[key]
    if not isinstance(found, Mapping):
        what = type(found).__name__
        raise WeightsError([f"weights {path} must hold a state dict, got a {what}"])
    others = [str(name) for name, value in found.items() if not isinstance(value, Tensor)]
    if others or not found:
        what = f"beside tensors {_listed(others)}" if others else "nothing"
        raise WeightsError([f"weights {path} must hold a state dict of tensors, got {what}"])
    return dict(found)


def _check_single(found: Mapping[Any, Any], key: str, path: Path) -> None:
    """Raises WeightsError where other networks lie beside the one under the key, as averages do."""
    size = len(found[key])
    others = [
        str(name)
        for name, value in found.items()
        if name != key and isinstance(value, Mapping) and len(value) >= size and _is_state(value)
    ]
    if others and _is_state(found[key]):
        raise WeightsError(
            [
                f"weights {path} hold several networks, {key} and {_listed(others)}: write the one "
                f"that is meant into a file of its own, such as torch.save(torch.load(FILE)"
                f"[{others[0]!r}], NEW)"
            ]
        )


def _is_state(value: Mapping[Any, Any]) -> bool:
    return bool(value) and all(isinstance(tensor, Tensor) for tensor in value.values())


def _plain_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    if "epoch.cursor" in tensors:  # of RankTune's checkpoints
        own = (name for name in tensors if name.startswith(OWN))
        return {name.removeprefix(OWN): tensors[name] for name in own}
    if all(name == AVERAGED or name.startswith(WRAPPERS) for name in tensors):
        tensors = {name: tensor for name, tensor in tensors.items() if name != AVERAGED}
    for prefix in WRAPPERS:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
