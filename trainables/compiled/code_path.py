"""Which code computes a trial: kernels in C or torch's own, which round differently."""

from __future__ import annotations

import os

import torch

from trainables.compiled.compiler import SWITCH
from trainables.compiled.norm_pool_relu import FUNCTIONS

COMPILED, TORCH = "compiled", "torch"


def code_path(device: torch.device) -> str:
    """``compiled`` where kernels in C may serve this process on the device, else ``torch``.

    They do on one thread of a CPU, where there is a C compiler.
    """
    probe = torch.empty(0, device=device)
    return COMPILED if FUNCTIONS[torch.float32].is_available(probe) else TORCH


def use_torch_alone() -> None:
    """Has this process, and those that it starts, compute as one without a C compiler does."""
    os.environ[SWITCH] = "0"
