"""Parameter groups: their decays, and whether they follow the learning-rate schedule."""

from __future__ import annotations

from torch import nn

from trainables.architectures.network_size import NetworkSize
from trainables.config.train_config import TrainConfig, factor_decays
from trainables.networks.substitute import factorized_layers
from trainables.training.optimizers import Group, Optimizer
from trainables.training.schedule import learning_rate

GROUPS = ("factors", "weights", "batchnorm")

ORIGINAL_DECAY = 5e-4 / 512
"""The 2018 study's later "5e-4", which it applied to the sum over a batch of 512: 9.8e-7 in
mean-loss units."""

ANNEALED = {
    "corrected": GROUPS,
    "original_a_plain": GROUPS,
    "original_a_scaled": ("factors",),
    "original_tt": (),
}
"""Which groups follow the schedule. The 2018 study's optimiser wrapper changed the rate of the
first group only, so that under two of its protocols the other groups kept the peak rate."""


def make_groups(config: TrainConfig, size: NetworkSize, network: nn.Module) -> list[Group]:
    """One group "factors" for each distinct decay, then "weights", then "batchnorm".

    "weights" are all other parameters with at least two dimensions. "batchnorm" are those with
    fewer: scales and shifts of normalisation, and biases. Empty groups are left out.
    """
    original = config.protocol != "corrected"
    decays = [ORIGINAL_DECAY] * len(size.layers) if original else list(factor_decays(config, size))
    penalised = bool(kernel_penalties(config, size, network))
    fixed = ORIGINAL_DECAY if original else config.weight_decay
    norm = fixed if config.batchnorm_decay or original else 0.0
    annealed = ANNEALED[config.protocol]

    groups = []
    layers = factorized_layers(network)
    decay_of = {
        name: decay for name, decay in zip(size.names, decays, strict=True) if name in layers
    }
    in_factors: set[nn.Parameter] = set()
    for decay in dict.fromkeys(decay_of.values()):
        factors = tuple(
            parameter
            for name, layer in layers.items()
            if decay_of[name] == decay
            for parameter in layer.parameters()
            if parameter is not layer.bias
        )
        in_factors |= set(factors)
        rates = {"decay": 0.0, "penalty": decay} if penalised else {"decay": decay}
        groups.append(Group("factors", factors, **rates, annealed="factors" in annealed))
    unfactorized = [
        parameter
        for parameter in network.parameters()
        if parameter.requires_grad and parameter not in in_factors
    ]
    weights = tuple(parameter for parameter in unfactorized if parameter.dim() > 1)
    vectors = tuple(parameter for parameter in unfactorized if parameter.dim() <= 1)
    groups.append(Group("weights", weights, fixed, annealed="weights" in annealed))
    groups.append(Group("batchnorm", vectors, norm, annealed="batchnorm" in annealed))
    return [group for group in groups if group.parameters]


def kernel_penalties(
    config: TrainConfig, size: NetworkSize, network: nn.Module
) -> list[tuple[nn.Module, float]]:
    """The factorised layers, each with the λ of its penalty ½λ‖W‖² (Khodak et al. 2021)."""
    if config.regularizer != "frobenius" or config.protocol != "corrected":
        return []
    layers = factorized_layers(network)
    decays = zip(size.names, factor_decays(config, size), strict=True)
    return [(layers[name], decay) for name, decay in decays if name in layers]


def set_rates(optimizer: Optimizer, config: TrainConfig, step: int, steps: int) -> None:
    """Gives every annealed group the rate of step ``step`` of ``steps``, counted from 1."""
    rate = learning_rate(config.schedule, config.learning_rate, step, steps)
    for index, group in enumerate(optimizer.param_groups):
        if group.annealed:
            optimizer.set_rate(index, rate)


def read_rates(optimizer: Optimizer) -> dict[str, float]:
    """The learning rate in force, by group."""
    rates = zip(optimizer.param_groups, optimizer.lr, strict=True)
    return {group.name: float(rate) for group, rate in rates}


def read_decays(optimizer: Optimizer) -> dict[str, float]:
    """The decay in force, by group; with a Frobenius penalty its λ.

    Where the replaced layers have different decays (``weight_decay_ratio="layer"``), "factors" is
    their mean over parameters.
    """
    decays = {}
    for name in dict.fromkeys(group.name for group in optimizer.param_groups):
        groups = [group for group in optimizer.param_groups if group.name == name]
        counts = [sum(parameter.numel() for parameter in group.parameters) for group in groups]
        group_decays = [group.decay + group.penalty for group in groups]
        total = sum(decay * count for decay, count in zip(group_decays, counts, strict=True))
        decays[name] = group_decays[0] if len(group_decays) == 1 else total / sum(counts)
    return decays
