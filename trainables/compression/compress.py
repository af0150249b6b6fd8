"""A trained dense network, its seven convolutions decomposed into another family's factors."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainables.compression.rank_choice import (
    ranks_by_greed,
    ranks_of_energy,
    ranks_of_equal_energy,
)
from trainables.compression.spectrum import Spectrum, measure_spectrum, singular_values
from trainables.compression.target import Target
from trainables.compression.trained import Trained, TrialError, require_resnet9
from trainables.layers.base import FactorizedConv2d
from trainables.layers.build import build_from_kernel, relative_error
from trainables.layers.decompose import check_precision
from trainables.networks.resnet9 import ResNet9
from trainables.sizes.family import Family
from trainables.sizes.network import Architecture, InfeasibleError, NetworkSize, size_network
from trainables.sizes.ranks import write_ranks
from trainables.sizes.registry import SIZES


@dataclass(frozen=True, eq=False)
class CompressedLayer:
    """One convolution: its name in the network, what it became, how far that is from the kernel.

    kernel: (out, in, k, k), as it was trained. relative_error: ‖Ŵ - W‖ / ‖W‖ (Frobenius).
    """

    name: str
    module: FactorizedConv2d
    kernel: Tensor
    relative_error: float

    def to_dict(self) -> dict[str, Any]:
        """As a starting point's JSON has it."""
        size = self.module.size
        spectrum = singular_values(self.kernel).tolist()
        return {
            "name": self.name,
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
    """A compressed network in evaluation mode, and how each layer got there.

    rule: where uniform ranks kept more than greedy ones, "uniform".
    """

    network: ResNet9
    size: NetworkSize
    layers: tuple[CompressedLayer, ...]
    rule: str

    @property
    def kept(self) -> float:
        """The product over the layers of 1 - ‖Ŵ - W‖² / ‖W‖²: 1 is exact."""
        return _kept(self.layers)


def compress(trained: Trained, target: Target, *, dtype: torch.dtype = torch.float32) -> Compressed:
    """Decomposes the seven replaced convolutions; everything else is kept as it was trained.

    "greedy" never keeps less than "uniform" within the same parameters: both are decomposed, and
    the one with the larger ``kept`` stays. A layer of which nothing is left is the end of a
    network, so that what is kept multiplies; while errors are small it is the sum of their squares.

    Raises:
        TrialError: when the trial is not of a dense network.
        InfeasibleError: when the size cannot be had, with the nearest.
        TypeError: for half precision, which no decomposition takes.
    """
    require_resnet9(trained, "compress")
    if trained.config.layer != "dense":
        raise TrialError(
            f"{trained.trial_id} is a network of layer {trained.config.layer!r}; compress takes a "
            "trained dense one: name a trial with layer=dense"
        )
    kernels = [_kernel(trained.network, name).to(dtype) for name in trained.size.names]
    check_precision(kernels[0])
    attempts = [
        (rule, _decompose(trained, size, kernels))
        for rule, size in _sizes(trained, target, kernels)
    ]
    rule, layers = max(attempts, key=lambda attempt: _kept(attempt[1]))
    return _assemble(trained, target, layers, rule)


def _kernel(network: nn.Module, name: str) -> Tensor:
    """The (out, in, k, k) kernel of a dense layer; of a matrix, k is 1."""
    layer = network.get_submodule(name)
    if isinstance(layer, FactorizedConv2d):
        return layer.kernel().detach()
    weight = layer.get_parameter("weight").detach()
    return weight if weight.dim() == 4 else weight[:, :, None, None]


def _kept(layers: Sequence[CompressedLayer]) -> float:
    return math.prod(1 - layer.relative_error**2 for layer in layers)


def _sizes(
    trained: Trained, target: Target, kernels: Sequence[Tensor]
) -> list[tuple[str, NetworkSize]]:
    """The networks to try, by rule: of a greedy choice also the uniform one, where there is one."""
    width, classes = trained.size.width, trained.config.classes
    if target.chosen_rule == "uniform" or not SIZES[target.layer].ranked:
        return [("uniform", size_network(target.architecture(width, classes)))]
    specs = [layer.spec for layer in trained.size.layers]
    spectra = [
        measure_spectrum(target.layer, kernel, spec, target.dims)
        for kernel, spec in zip(kernels, specs, strict=True)
    ]
    choices = [
        (
            target.chosen_rule,
            Architecture(target.layer, width, classes, dims=target.dims, ranks=write_ranks(ranks)),
        )
        for ranks in _ranks(trained, target, spectra)
    ]
    sizes = [(rule, size_network(architecture)) for rule, architecture in choices]
    if target.chosen_rule == "greedy":
        with contextlib.suppress(
            InfeasibleError
        ):  # one rank for all can be too coarse for a budget
            sizes.append(("uniform", size_network(target.architecture(width, classes))))
    return sizes


def _ranks(
    trained: Trained, target: Target, spectra: Sequence[Spectrum]
) -> list[list[tuple[int, ...]]]:
    """What the rule proposes: greed goes by two guesses, since neither is always the better."""
    family: Family = SIZES[target.layer]
    if target.energy is not None:
        return [ranks_of_energy(family, spectra, target.energy)]
    budget = target.architecture(trained.size.width, trained.config.classes).budget
    budget = (budget or 0) - trained.size.fixed_parameters
    if target.chosen_rule == "energy":
        return [ranks_of_equal_energy(family, spectra, budget)]
    return [ranks_by_greed(family, spectra, budget, nested=nested) for nested in (True, False)]


def _decompose(
    trained: Trained, size: NetworkSize, kernels: Sequence[Tensor]
) -> list[CompressedLayer]:
    names = [
        name
        for name, module in trained.network.named_modules()
        if isinstance(module, FactorizedConv2d)
    ]
    generator = torch.Generator().manual_seed(trained.config.seed)
    layers = []
    for name, kernel, layer, hw in zip(names, kernels, size.layers, size.input_hw, strict=True):
        module = build_from_kernel(
            layer, kernel, input_hw=hw, batch=trained.config.batch_size, generator=generator
        )
        layers.append(CompressedLayer(name, module, kernel, relative_error(module, kernel)))
    return layers


def _assemble(
    trained: Trained, target: Target, layers: Sequence[CompressedLayer], rule: str
) -> Compressed:
    network = copy.deepcopy(trained.network)
    for layer in layers:
        network.set_submodule(layer.name, layer.module)
    network = network.to(memory_format=torch.channels_last).eval()
    sizes = tuple(layer.module.size for layer in layers)
    ranked = SIZES[target.layer].ranked
    architecture = Architecture(
        target.layer,
        trained.size.width,
        trained.config.classes,
        dims=target.dims,
        ranks=write_ranks(size.ranks for size in sizes) if ranked else None,
    )
    size = size_network(architecture)
    return Compressed(network, size, tuple(layers), rule)
