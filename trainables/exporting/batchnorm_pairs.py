"""Pairs of a convolution and the BatchNorm that normalises its output and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import fx, nn

from trainables.layers.base import FactorizedConv2d
from trainables.networks.resnet9 import ConvNorm
from trainables.networks.trace import oddity

Names = dict[str, str]


def batchnorm_pairs(network: nn.Module) -> Names:
    """Name of a convolution → name of the BatchNorm that can be folded into it.

    Both are called once, and only the BatchNorm reads the convolution's output. A network whose
    forward pass torch.fx cannot trace has no pairs, and keeps its BatchNorms.
    """
    blocks = [name for name, module in network.named_modules() if isinstance(module, ConvNorm)]
    if blocks:  # their forward pass cannot be traced: it branches on the input's type
        return {f"{name}.conv": f"{name}.norm" for name in blocks}
    try:
        nodes = [*_Tracer().trace(network).nodes]
    except Exception:  # a network's forward pass may raise anything on a symbolic input
        return {}
    modules = dict(network.named_modules())
    calls = Counter(node.target for node in nodes if node.op == "call_module")
    pairs = {}
    for node in nodes:
        producer = node.args[0] if node.op == "call_module" and node.args else None
        if (
            _is_foldable(modules.get(str(node.target)))
            and isinstance(producer, fx.Node)
            and producer.op == "call_module"
            and _takes_a_weight(modules[str(producer.target)])
            and len(producer.users) == 1
            and calls[node.target] == calls[producer.target] == 1
        ):
            pairs[str(producer.target)] = str(node.target)
    return pairs


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, FactorizedConv2d) or super().is_leaf_module(m, module_qualified_name)


def _takes_a_weight(module: nn.Module) -> bool:
    """Whether it is a convolution that computes with the weight that it is given, as it is."""
    if isinstance(module, nn.Conv2d):
        return not oddity(module)
    return isinstance(module, FactorizedConv2d)


def _is_foldable(module: Any) -> bool:
    """Whether it is a BatchNorm2d with statistics; a subclass may compute something else."""
    return type(module) is nn.BatchNorm2d and isinstance(module.running_var, torch.Tensor)
