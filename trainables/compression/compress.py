"""Compresses a trained dense network: decomposes its layers into the factors of a family."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainables.architectures.budget import LEAST_FILL, InfeasibleError
from trainables.architectures.network_size import NetworkSize, size_network
from trainables.architectures.ranks import write_ranks
from trainables.compression.rank_choice import (
    ranks_by_greed,
    ranks_of_energy,
    ranks_of_equal_energy,
    smallest_count,
)
from trainables.compression.spectrum import Spectrum, measure_spectrum, singular_values
from trainables.compression.study_trials import TrialError
from trainables.compression.target import Target
from trainables.compression.trained import Trained
from trainables.layers.base import FactorizedConv2d
from trainables.layers.build import build_from_kernel, kernel_problem, relative_error
from trainables.layers.memory_format import with_kernels_last
from trainables.networks.substitute import install
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.registry import SIZES
from trainables.text.share import share_within
from trainables.training.checkpoints.module_copy import copy_module


@dataclass(frozen=True, eq=False)
class CompressedLayer:
    """One compressed layer.

    Attributes:
        name: of its module in the network.
        size: its family and ranks.
        module: the layer; None where it stays dense, as factors would not have fewer parameters.
        kernel: (out, in, k, k), as it was trained.
        relative_error: ‖Ŵ - W‖ / ‖W‖ in Frobenius norms.
    """

    name: str
    size: LayerSize
    module: FactorizedConv2d | None
    kernel: Tensor
    relative_error: float

    def to_dict(self) -> dict[str, Any]:
        """The layer as the JSON of a starting point describes it."""
        size = self.size
        spectrum = singular_values(self.kernel).tolist()
        return {
            "name": self.name,
            "family": size.family,
            "in_channels": size.spec.in_channels,
            "out_channels": size.spec.out_channels,
            "modes": list(size.modes),
            "ranks": list(size.ranks),
            "parameters": size.parameters,
            "dense_parameters": size.dense_parameters,
            "relative_error": self.relative_error,
            "singular_values": [round(value, 6) for value in spectrum],
        }


@dataclass(frozen=True, eq=False)
class Compressed:
    """A compressed network.

    Attributes:
        network: in evaluation mode.
        size: its layers with their ranks.
        layers: what became of each layer.
        rule: the rule that chose the ranks; "uniform" if that kept more than a greedy choice.
    """

    network: nn.Module
    size: NetworkSize
    layers: tuple[CompressedLayer, ...]
    rule: str

    @property
    def kept(self) -> float:
        """The product over the layers of 1 - ‖Ŵ - W‖² / ‖W‖²: 1 is exact."""
        return _kept(self.layers)


def compress(trained: Trained, target: Target) -> Compressed:
    """Decomposes the layers that the network's size names; everything else stays as it was trained.

    Biases stay beside the factors. A layer stays dense where its factors would not have fewer
    parameters, except in ResNet-9.

    "greedy" never keeps less than "uniform" within the same parameters: both are computed, and the
    one with the larger ``kept`` is returned. ``kept`` is a product, because one layer that keeps
    nothing makes the whole network useless. While errors are small, 1 - ``kept`` is about the sum
    of their squares.

    Args:
        trained: the dense network.
        target: the family, and its size or ranks.

    Raises:
        TrialError: when the network is not dense, or layers cannot be decomposed; names each.
        InfeasibleError: when no network has the size; the message names the nearest.
    """
    if trained.config.layer != "dense":
        raise TrialError(
            f"{trained.trial_id} has layers of the family {trained.config.layer}; compress takes a "
            "trained dense network: name a trial with layer=dense"
        )
    kernels = [_kernel(trained.network, name).float() for name in trained.size.names]
    _check_kernels(trained, kernels)
    attempts = [
        (rule, _decompose(trained, size, kernels))
        for rule, size in _sizes(trained, target, kernels)
    ]
    rule, layers = max(attempts, key=lambda attempt: _kept(attempt[1]))
    return _assemble(trained, layers, rule, target)


def _kernel(network: nn.Module, name: str) -> Tensor:
    """The (out, in, k, k) kernel of a dense layer; k is 1 for a linear layer."""
    layer = network.get_submodule(name)
    if isinstance(layer, FactorizedConv2d):
        return layer.kernel().detach()
    weight = layer.get_parameter("weight").detach()
    return weight if weight.dim() == 4 else weight[:, :, None, None]


def _check_kernels(trained: Trained, kernels: Sequence[Tensor]) -> None:
    problems = [
        f"layer {name} of {trained.trial_id}: {problem}"
        for name, kernel in zip(trained.size.names, kernels, strict=True)
        if (problem := kernel_problem(kernel))
    ]
    if problems:
        raise TrialError("; ".join(problems))


def _kept(layers: Sequence[CompressedLayer]) -> float:
    return math.prod(1 - layer.relative_error**2 for layer in layers)


def _sizes(
    trained: Trained, target: Target, kernels: Sequence[Tensor]
) -> list[tuple[str, NetworkSize]]:
    """The candidate networks with their rules; a greedy choice is compared with a uniform one."""
    if target.chosen_rule == "uniform" or not SIZES[target.layer].ranked:
        return [("uniform", size_network(target.architecture(trained.size)))]
    may_stay_dense = trained.size.architecture.skeleton.may_stay_dense
    spectra = [
        measure_spectrum(
            target.layer, kernel, layer.spec, target.dims, may_stay_dense=may_stay_dense
        )
        for kernel, layer in zip(kernels, trained.size.layers, strict=True)
    ]
    sizes = [
        (target.chosen_rule, size_network(target.with_ranks(trained.size, _stored(spectra, ranks))))
        for ranks in _ranks(trained, target, spectra)
    ]
    if target.chosen_rule == "greedy":
        # one rank for all layers can be too coarse a step to use 97 % of a budget
        with contextlib.suppress(InfeasibleError):
            sizes.append(("uniform", size_network(target.architecture(trained.size))))
    if target.energy is not None:
        return sizes
    return _filling(sizes, target.architecture(trained.size).budget or 0)


def _filling(
    sizes: Sequence[tuple[str, NetworkSize]], budget: int
) -> list[tuple[str, NetworkSize]]:
    """The networks that use 97 % of a budget.

    Raises:
        InfeasibleError: where there is no such network; it names the size of the nearest.
    """
    filling = [one for one in sizes if one[1].parameters >= LEAST_FILL * budget]
    if not filling:
        rule, size = max(sizes, key=lambda one: one[1].parameters)
        raise InfeasibleError(
            f"ranks chosen by {rule} use {share_within(size.parameters, budget)} of "
            f"{budget:,} parameters, and {LEAST_FILL:.0%} are asked for: the nearest network has "
            f"{size.parameters:,} (--parameters {size.parameters})"
        )
    return filling


def _stored(spectra: Sequence[Spectrum], ranks: Sequence[tuple[int, ...]]) -> str:
    """The ranks as text, with no ranks for a layer that stays dense."""
    return write_ranks(
        () if layer.stays_dense(layer_ranks) else layer_ranks
        for layer, layer_ranks in zip(spectra, ranks, strict=True)
    )


def _ranks(
    trained: Trained, target: Target, spectra: Sequence[Spectrum]
) -> list[list[tuple[int, ...]]]:
    """The ranks that the rule proposes: two proposals if greedy, as neither is always better.

    Raises:
        InfeasibleError: where even rank 1 exceeds the budget.
    """
    if target.energy is not None:
        return [ranks_of_energy(spectra, target.energy)]
    whole, fixed = target.architecture(trained.size).budget or 0, trained.size.fixed_parameters
    budget, smallest = whole - fixed, smallest_count(spectra)
    if smallest > budget:
        raise InfeasibleError(
            f"{target.layer} cannot have {whole:,} parameters or fewer: its smallest network has "
            f"{fixed + smallest:,}, of which {fixed:,} are not in the replaced layers"
        )
    if target.chosen_rule == "energy":
        return [ranks_of_equal_energy(spectra, budget)]
    return [ranks_by_greed(spectra, budget, nested=nested) for nested in (True, False)]


def _decompose(
    trained: Trained, size: NetworkSize, kernels: Sequence[Tensor]
) -> list[CompressedLayer]:
    generator = torch.Generator().manual_seed(trained.config.seed)
    layers = []
    for name, kernel, layer, calls in zip(
        size.names, kernels, size.layers, size.inputs, strict=True
    ):
        if layer.family == "dense":
            layers.append(CompressedLayer(name, layer, None, kernel, 0.0))
            continue
        batch = trained.config.batch_size
        module = build_from_kernel(
            layer,
            kernel,
            input_hw=(calls[0][0], calls[0][1]),
            batch=batch,
            route=layer.route_of_calls(calls, batch),
            generator=generator,
        )
        layers.append(CompressedLayer(name, layer, module, kernel, relative_error(module, kernel)))
    return layers


def _assemble(
    trained: Trained, layers: Sequence[CompressedLayer], rule: str, target: Target
) -> Compressed:
    network = copy_module(trained.network)
    for layer in layers:
        if layer.module is not None:
            install(network, layer.name, layer.module)
    network = with_kernels_last(network).eval()
    ranks = None
    if SIZES[target.layer].ranked:
        ranks = write_ranks(layer.size.ranks for layer in layers)
    size = size_network(target.with_ranks(trained.size, ranks))
    return Compressed(network, size, tuple(layers), rule)
