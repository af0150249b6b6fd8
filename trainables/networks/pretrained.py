"""Weights that torchvision and timm have trained, and the normalisation that they expect."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from trainables.config.starting_weights import torch_home, write_normalization
from trainables.networks.network_error import NetworkError
from trainables.networks.reference import Reference

HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True, eq=False)
class TrainedWeights:
    """tensors: as the network's ``state_dict`` names them. normalization: "" where unknown."""

    tensors: dict[str, Tensor]
    normalization: str = ""


def pretrained_weights(reference: Reference) -> TrainedWeights:
    """The library's own weights of a network, downloaded if they are absent.

    Raises:
        NetworkError: where the library has none, or the download fails; with their address.
    """
    library, _, name = reference.name.partition(":")
    if library not in LIBRARIES or not name:
        raise NetworkError(
            f"pretrained weights are those of torchvision and timm, got weights=pretrained for "
            f"{reference.name}: name a file of weights"
        )
    return LIBRARIES[library](name, reference)


def _torchvision(name: str, reference: Reference) -> TrainedWeights:
    from torchvision import models  # takes two seconds

    weights = getattr(models.get_model_weights(name), "DEFAULT", None)
    if weights is None:
        raise NetworkError(f"torchvision has no weights of {name}: name a file of weights")
    file = weights.url.rpartition("/")[2]
    with _reachable(reference.name, weights.url, f"{torch_home() / 'hub' / 'checkpoints' / file}"):
        network = models.get_model_builder(name)(weights=weights)
    how = weights.transforms()
    mean, std = how.mean, how.std
    # such a network itself converts ImageNet's normalisation to halves
    if getattr(network, "transform_input", False):
        mean = std = HALF
    return TrainedWeights(_state(network), write_normalization(mean, std))


def _timm(name: str, reference: Reference) -> TrainedWeights:
    import timm  # need not be installed

    if not timm.is_model_pretrained(name):
        raise NetworkError(f"timm has no weights of {name}: name a file of weights")
    with _reachable(reference.name, "the Hugging Face hub", "its cache (HF_HOME)"):
        network = timm.create_model(name, **reference.arguments, pretrained=True)
    how: Any = network.pretrained_cfg
    return TrainedWeights(_state(network), write_normalization(how["mean"], how["std"]))


def _state(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach() for name, tensor in network.state_dict().items()}


@contextlib.contextmanager
def _reachable(network: str, source: str, place: str) -> Iterator[None]:
    """Within, turns the errors of a download into one sentence."""
    try:
        yield
    except Exception as problem:  # the network, the disk or the library may raise anything
        words = f"{type(problem).__name__}: {problem}".splitlines()[0]
        raise NetworkError(
            f"the pretrained weights of {network} cannot be had from {source} ({words}); put the "
            f"file at {place}, or name one of your own with weights=FILE"
        ) from problem


LIBRARIES: dict[str, Callable[[str, Reference], TrainedWeights]] = {
    "torchvision": _torchvision,
    "timm": _timm,
}
