"""Which code computes a trial: kernels in C or torch's, which round differently."""

from __future__ import annotations

import os

import torch

from trainables.compiled.compiler import SWITCH
from trainables.compiled.norm_pool_relu import FUNCTIONS

COMPILED, TORCH = "compiled", "torch"


def code_path(device: torch.device) -> str:
    """``compiled`` where this process uses kernels in C on the device, else ``torch``.

    It uses them on one thread of a CPU, if there is a C compiler.
    """
    probe = torch.empty(0, device=device)
    return COMPILED if FUNCTIONS[torch.float32].is_available(probe) else TORCH


def use_torch_alone() -> None:
    """Switches kernels in C off for this process and its children, as if there were no compiler."""
    os.environ[SWITCH] = "0"
