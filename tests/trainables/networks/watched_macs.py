"""The multiply-adds of a real call, as torch counts them."""

from math import prod

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from trainables.architectures.layer_table import LayerTable
from trainables.networks.substitute import factorized_layers


def watched_macs(module: nn.Module, table: LayerTable, batch: int = 2) -> float:
    """Multiply-adds per image; of products of single numbers those inside factorised layers."""
    mul = torch.ops.aten.mul
    formulas = {mul: lambda *_, out_shape, **__: 2 * prod(out_shape)}
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter, torch.no_grad():
        module(torch.empty(batch, *table.image, device="meta"))
    counts = counter.get_flop_counts()
    total = sum(flops for kind, flops in counts["Global"].items() if kind != mul)
    for name in factorized_layers(module):
        total += counts[f"{type(module).__name__}.{name}"].get(mul, 0)
    return total / 2 / batch
