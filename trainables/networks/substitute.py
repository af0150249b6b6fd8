"""Replaces layers of a network by factorised ones; the result is a plain Module."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from trainables.architectures.network_size import NetworkSize
from trainables.layers.base import FactorizedConv2d
from trainables.layers.linear import FactorizedLinear
from trainables.layers.registry import LAYERS
from trainables.networks.layer_calls import layers_of, put_layer
from trainables.networks.network_error import NetworkError
from trainables.networks.trace import initialized
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.spec import Call


@torch.no_grad()
def substitute(
    module: nn.Module,
    size: NetworkSize,
    *,
    batch: int = 128,
    seed: int = 0,
    trained: bool = False,
) -> nn.Module:
    """The same module, with its layers replaced according to the size.

    Factors start as a decomposition of the weight that they replace, with the norm of that weight
    unless it is trained. Biases are kept. A layer whose size is dense keeps its module.

    Args:
        module: the network that the size's table was traced from; it is changed.
        size: what to replace, see ``fit``.
        batch: images at once, which decides the cheaper route of each layer.
        seed: of the numbers that fill ranks which a weight does not use.
        trained: whether the weights are trained. Factors then approximate them as closely as
            possible, instead of having their norm.

    Raises:
        NetworkError: when it is not the size's network, or weights to factorise are not finite; the
            network is then unchanged.
        TypeError: for anything but a module and a size.
        ValueError: for a batch below 1.
    """
    if not isinstance(module, nn.Module) or not isinstance(size, NetworkSize):
        raise TypeError(
            "substitute takes a torch.nn.Module and what fit returns, got a "
            f"{type(module).__name__} and a {type(size).__name__}"
        )
    if batch < 1:
        raise ValueError(f"batch must be at least 1, got {batch}")
    layers = dict(layers_of(initialized(module, size.table.image)))
    _check_same(module, layers, size)
    generator = torch.Generator().manual_seed(seed)
    for name, layer, calls in zip(size.names, size.layers, size.inputs, strict=True):
        if layer.family != "dense":
            factorized = _factorized(layers[name], layer, calls, batch, generator, trained)
            install(module, name, factorized)
    return module


def _check_same(
    module: nn.Module, layers: Mapping[str, nn.Conv2d | nn.Linear], size: NetworkSize
) -> None:
    for name, layer in zip(size.names, size.layers, strict=True):
        found = layers.get(name)
        if found is None or _shape(found) != layer.spec.kernel_shape:
            what = "no such layer" if found is None else f"one of {_shape(found)}"
            raise NetworkError(
                f"the network has {what} at {name!r}; the size is of a network that has one of "
                f"{layer.spec.kernel_shape} there"
            )
    odd = [
        name
        for name, layer in zip(size.names, size.layers, strict=True)
        if layer.family != "dense"
        and not layers[name].weight.is_meta
        and not layers[name].weight.isfinite().all()
    ]
    if odd:
        raise NetworkError(
            f"the weights of {', '.join(odd)} are not finite: no factors stand for them"
        )
    has = sum(parameter.numel() for parameter in module.parameters())
    if has != size.table.parameters:
        raise NetworkError(
            f"the network has {has:,} parameters; the size is of {size.table.network}, which has "
            f"{size.table.parameters:,}: trace the network that is to be changed, or install the "
            "version of its library that it was traced with"
        )


@torch.no_grad()
def install(module: nn.Module, name: str, factorized: FactorizedConv2d) -> None:
    """Replaces a convolution or linear layer by a factorised one, which takes over its bias."""
    replaced = module.get_submodule(name)
    if isinstance(replaced, nn.Conv2d | nn.Linear):
        factorized.to(device=replaced.weight.device, dtype=replaced.weight.dtype)
        if replaced.bias is not None:
            factorized.bias = replaced.bias  # the parameter itself, which other layers may share
    layer = FactorizedLinear(factorized) if isinstance(replaced, nn.Linear) else factorized
    put_layer(module, name, layer.train(replaced.training))


def factorized_layers(module: nn.Module) -> dict[str, FactorizedConv2d]:
    """The factorised layers of a network, by the names of the layers that they replaced."""
    return {
        name.removesuffix(".pixel"): layer
        for name, layer in module.named_modules()
        if isinstance(layer, FactorizedConv2d)
    }


def _factorized(
    found: nn.Conv2d | nn.Linear,
    layer: LayerSize,
    calls: tuple[Call, ...],
    batch: int,
    generator: torch.Generator,
    trained: bool,
) -> FactorizedConv2d:
    weight = found.weight.detach()
    with torch.device("meta" if weight.is_meta else "cpu"):
        factorized = LAYERS[layer.family](layer, layer.route_of_calls(calls, batch))
    if not weight.is_meta:
        kernel = weight.reshape(layer.spec.kernel_shape).cpu()
        if trained:
            factorized.init_from_kernel(kernel.double(), generator)
        else:
            factorized.init_like(kernel.float(), generator)
    return factorized


def _shape(found: nn.Conv2d | nn.Linear) -> tuple[int, ...]:
    shape = tuple(found.weight.shape)
    return (*shape, 1, 1) if isinstance(found, nn.Linear) else shape
