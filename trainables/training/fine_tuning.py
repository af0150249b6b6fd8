"""The network that a training starts with."""

from __future__ import annotations

from torch import nn

from trainables.architectures.network_size import NetworkSize
from trainables.config.carried_files import local_path
from trainables.config.starting_point import split_init
from trainables.config.train_config import TrainConfig
from trainables.networks.build import build_network
from trainables.training.checkpoints.checkpoint import CheckpointError, read_checkpoint


def initial_network(config: TrainConfig, size: NetworkSize) -> nn.Module:
    """A trial's network before its first step, on the CPU."""
    init = "kaiming" if config.protocol == "corrected" else "original"
    network = build_network(
        size, batch=config.images_at_once, seed=config.seed, init=init, weights=config.weights
    )
    if config.init:
        start_from(network, config.init)
    return network


def start_from(network: nn.Module, init: str) -> None:
    """Copies a starting point's tensors into a network of the same shapes; ``init`` is resolved.

    Raises:
        CheckpointError: missing, damaged, or not the tensors that the trial was named after.
    """
    folder, digest = split_init(init)
    tensors, state = read_checkpoint(local_path(folder))
    if state["tensors_blake2b"] != digest:
        raise CheckpointError(
            f"{folder} has changed since the trial was planned: its tensors have the digest "
            f"{state['tensors_blake2b']}, the trial starts from {digest}; plan the trial again"
        )
    try:
        network.load_state_dict(tensors)
    except RuntimeError as problem:
        raise CheckpointError(f"{folder} holds another network: {problem}") from problem
