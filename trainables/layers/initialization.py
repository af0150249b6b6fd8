"""Random tensors for initialisation, each drawn from a given generator."""

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor


def normal(shape: Sequence[int], std: float, generator: torch.Generator) -> Tensor:
    """float32 values of N(0, std^2), on the generator's device."""
    device = generator.device
    return torch.randn(*shape, generator=generator, device=device, dtype=torch.float32) * std


def torch_default(shape: Sequence[int], fan_in: int, generator: torch.Generator) -> Tensor:
    """float32 values of nn.Conv2d's default: kaiming_uniform(a=sqrt 5) = U(+-1/sqrt(fan_in))."""
    device = generator.device
    unit = torch.rand(*shape, generator=generator, device=device, dtype=torch.float32)
    return (2 * unit - 1) / sqrt(fan_in)
