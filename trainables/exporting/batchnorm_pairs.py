"""Which BatchNorm normalises what which convolution puts out, and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import fx, nn

from trainables.layers.base import FactorizedConv2d
from trainables.networks.resnet9 import ConvNorm

Names = dict[str, str]


def batchnorm_pairs(network: nn.Module) -> Names:
    """The name of a convolution → that of the BatchNorm that can become part of it.

    Both are called once, and the BatchNorm alone reads what the convolution puts out. A network
    whose forward pass torch.fx cannot follow has no such pair: its BatchNorms stay what they are.
    """
    blocks = [name for name, module in network.named_modules() if isinstance(module, ConvNorm)]
    if blocks:  # which choose among compiled routes by what an image is
        return {f"{name}.conv": f"{name}.norm" for name in blocks}
    try:
        nodes = [*_Tracer().trace(network).nodes]
    except Exception:  # whatever somebody's forward pass does with an image that has no numbers
        return {}
    modules = dict(network.named_modules())
    calls = Counter(node.target for node in nodes if node.op == "call_module")
    pairs = {}
    for node in nodes:
        before = node.args[0] if node.op == "call_module" and node.args else None
        if (
            _is_foldable(modules.get(str(node.target)))
            and isinstance(before, fx.Node)
            and before.op == "call_module"
            and isinstance(modules[str(before.target)], nn.Conv2d | FactorizedConv2d)
            and len(before.users) == 1
            and calls[node.target] == calls[before.target] == 1
        ):
            pairs[str(before.target)] = str(node.target)
    return pairs


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, FactorizedConv2d) or super().is_leaf_module(m, module_qualified_name)


def _is_foldable(module: Any) -> bool:
    """A plain BatchNorm with statistics: a subclass may compute something of its own."""
    return type(module) is nn.BatchNorm2d and isinstance(module.running_var, torch.Tensor)
