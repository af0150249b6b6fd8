"""Trained weights of a network, from a file that somebody else may have written."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

SAFETENSORS = ".safetensors"
NESTED = ("state_dict", "model_state_dict", "model")
"""Keys under which training programs keep the state dict beside other things."""
PARALLEL = "module."
"""What torch's DataParallel puts before every name."""
COUNTER = "num_batches_tracked"  # of a BatchNorm: absent from old files, and no weight
MOST_NAMED = 8


class WeightsError(ValueError):
    """Weights that cannot be read or do not fit; ``problems`` lists each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict by name, on the CPU.

    A ``.safetensors`` file, or what ``torch.save`` wrote: it is read with ``weights_only``, so that
    nothing in it is run.

    Raises:
        WeightsError: where there is no such file, or it holds no state dict.
    """
    path = path.expanduser()
    try:
        if path.suffix == SAFETENSORS:
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise WeightsError([f"weights {path} cannot be read: {reason}"]) from problem
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError, KeyError) as problem:
        reason = str(problem).partition("\n")[0].rstrip(". ")
        raise WeightsError(
            [
                f"weights {path} cannot be read ({reason}): a safetensors file or a state dict "
                "that torch.save wrote is expected, not a whole module"
            ]
        ) from problem
    return _state_dict(found, path)


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Copies weights into a network that has tensors of just these names and shapes.

    Raises:
        WeightsError: naming what is missing, what is too much, and every shape that differs; the
            network is then as it was.
    """
    own = module.state_dict()
    missing = [name for name in own if name not in weights and not name.endswith(COUNTER)]
    unknown = [name for name in weights if name not in own]
    shapes = [
        f"{name} is {tuple(weights[name].shape)}, the network has {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    parts = {"has no": missing, "has, and the network has not,": unknown, "other shapes:": shapes}
    problems = [
        f"weights {source} do not fit: {words} {_listed(names)}"
        for words, names in parts.items()
        if names
    ]
    if problems:
        raise WeightsError(problems)
    module.load_state_dict(dict(weights), strict=False)


def _state_dict(found: Any, path: Path) -> dict[str, Tensor]:
    for key in NESTED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if isinstance(found, nn.Module) or not isinstance(found, Mapping):
        what = type(found).__name__
        raise WeightsError([f"weights {path} must hold a state dict, got a {what}"])
    others = [str(name) for name, value in found.items() if not isinstance(value, Tensor)]
    if others or not found:
        what = f"beside tensors {_listed(others)}" if others else "nothing"
        raise WeightsError([f"weights {path} must hold a state dict of tensors, got {what}"])
    if all(name.startswith(PARALLEL) for name in found):
        return {name.removeprefix(PARALLEL): value for name, value in found.items()}
    return dict(found)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
