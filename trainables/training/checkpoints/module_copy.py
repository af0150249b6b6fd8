"""A copy of a network."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


@torch.no_grad()
def copy_module(module: nn.Module) -> nn.Module:
    """A deep copy, also of a module that keeps a tensor which it computes from its parameters.

    ``torch.nn.utils.weight_norm`` makes such modules, and ``copy.deepcopy`` refuses their tensors.
    """
    computed = {
        id(value): value.detach().clone()
        for submodule in module.modules()
        for value in vars(submodule).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    return copy.deepcopy(module, computed)
