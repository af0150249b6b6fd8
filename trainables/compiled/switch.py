"""The two code paths by name, and the switch between them. Standard library only."""

from __future__ import annotations

import os

COMPILED, TORCH = "compiled", "torch"
"""Kernels in C, and torch's own, which round differently."""

SWITCH = "RANKTUNE_COMPILED"
"""An environment variable; with 0, kernels in C are not used, as if there were no compiler."""


def use_torch_alone() -> None:
    """Switches kernels in C off for this process and its children, as if there were no compiler."""
    os.environ[SWITCH] = "0"


def is_torch_alone() -> bool:
    """Whether kernels in C are switched off."""
    return os.environ.get(SWITCH) == "0"
