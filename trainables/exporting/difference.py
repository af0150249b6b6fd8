"""How far apart the logits of a network and of a program made from it are."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Forward = Callable[[Tensor], Tensor]
"""(B, 3, H, W) normalised images → (B, classes) logits."""


@torch.inference_mode()
def run(forward: Forward, images: Tensor) -> Tensor:
    """The logits of the images, which a forward pass may change in place: it gets a copy."""
    return forward(images.clone())


def largest_difference(forward: Forward, images: Tensor, expected: Tensor) -> float:
    """The largest difference of a logit, of all images together and of the first one alone.

    Args:
        forward: what is compared.
        images: (B, 3, H, W), normalised.
        expected: (B, classes), the logits that they should have.

    Returns:
        The difference over the largest expected logit where that is above 1; inf for NaN.
    """
    scale = max(1.0, float(expected.abs().max()))
    together = (run(forward, images) - expected).abs().max()
    alone = (run(forward, images[:1]) - expected[:1]).abs().max()
    difference = float(torch.maximum(together, alone)) / scale
    return difference if difference == difference else float("inf")
