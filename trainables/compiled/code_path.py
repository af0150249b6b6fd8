"""Which code computes a trial."""

from __future__ import annotations

import torch

from trainables.compiled.norm_pool_relu import FUNCTIONS
from trainables.compiled.switch import COMPILED, TORCH


def code_path(device: torch.device) -> str:
    """``compiled`` where this process uses kernels in C on the device, else ``torch``.

    It uses them on one thread of a CPU, if there is a C compiler.
    """
    probe = torch.empty(0, device=device)
    return COMPILED if FUNCTIONS[torch.float32].is_available(probe) else TORCH
