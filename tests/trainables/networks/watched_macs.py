"""The multiply-adds of a real call, counted where they happen."""

import torch
from torch import nn

from trainables.layers.base import FactorizedConv2d
from trainables.networks.substitute import factorized_layers
from trainables.sizes.layer_table import LayerTable


def watched_macs(module: nn.Module, table: LayerTable, batch: int = 2) -> float:
    """Multiply-adds per image of a real call, by the shapes that each layer meets."""
    total = 0.0

    def watch(layer: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(layer, FactorizedConv2d):
            height, width = inputs[0].shape[2:]
            images = inputs[0].shape[0] / batch  # of a matrix the pixels of an image
            total += images * layer.size.route_macs(height, width, batch * images)[layer.route]
        elif isinstance(layer, nn.Conv2d):
            total += layer.weight.numel() * output[0, 0].numel()
        else:
            total += layer.weight.numel() * output.numel() / output.shape[-1] / batch

    factorized = set(factorized_layers(module).values())
    inside = {part for layer in factorized for part in layer.modules()} - factorized
    for layer in module.modules():
        if layer not in inside and isinstance(layer, FactorizedConv2d | nn.Conv2d | nn.Linear):
            layer.register_forward_hook(watch)
    for layer in factorized:  # a matrix meets its pixels without a hook
        layer.project = lambda x, layer=layer: layer(x.reshape(-1, x.shape[-1], 1, 1)).reshape(
            *x.shape[:-1], -1
        )
    module(torch.empty(batch, *table.image, device="meta"))
    return total
