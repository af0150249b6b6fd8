"""Whether a network's ``state_dict`` is all that it has learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainables.architectures.network_size import NetworkSize
from trainables.config.train_config import ConfigError, TrainConfig
from trainables.networks.build import build_network
from trainables.training.checkpoints.module_copy import copy_module
from trainables.training.process import draw_from, seed_step, seeded_state

COMPARED = 8
"""Images whose outputs are compared."""

TOLERANCE = 0.01
"""Largest difference of a logit as a share of the largest: a GPU may compute in another order."""


def check_state(network: nn.Module, config: TrainConfig, size: NetworkSize, images: Tensor) -> None:
    """Refuses a network that keeps something of its training outside of its ``state_dict``.

    A Python attribute that counts steps, a flag that says whether scales have been measured, a
    buffer with ``persistent=False``: no checkpoint holds them. What is loaded would be another
    network than the one that was judged, and a trial that continues would train differently.

    Args:
        network: after some training; it is not changed.
        config: of its trial.
        size: of the network; ResNet-9's own state is known to be whole.
        images: (N, 3, S, S), at least two, as the network takes them.

    Raises:
        ConfigError: where the outputs of a network that took over its state differ, in evaluation
            or in training.
    """
    if size.architecture.table is None:
        return
    fresh = build_network(size, batch=config.images_at_once, seed=config.seed).to(images.device)
    kept = copy_module(network)
    fresh.load_state_dict(kept.state_dict())
    for training in (False, True):
        expected, got = (_outputs(one.train(training), images) for one in (kept, fresh))
        largest = expected.abs().nan_to_num().max()
        if not torch.allclose(got, expected, rtol=0, atol=TOLERANCE * largest, equal_nan=True):
            raise ConfigError(
                [
                    "the network keeps part of what it learns outside of its state_dict: from a "
                    f"checkpoint it {'trains' if training else 'answers'} differently; register "
                    "what changes in training (a counter, a flag, a mean) as a buffer, not as an "
                    "attribute or with persistent=False"
                ]
            )


@torch.no_grad()
def _outputs(network: nn.Module, images: Tensor) -> Tensor:
    """(N, classes) logits, with the same random draws at each call."""
    with draw_from(seeded_state(0), images.device):
        seed_step(0, 0)
        return network(images.clone()).float()  # it may change them in place
