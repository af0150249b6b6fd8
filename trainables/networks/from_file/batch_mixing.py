"""Whether a network answers an image alike, whatever images are beside it."""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.networks.layer_calls import without_traces
from trainables.networks.trace import Make, initialized

IMAGES = 4

TOLERANCE = 1e-4
"""A share of the largest output; float32 differs by less between batches."""

RANDOM = (
    "its answer to an image is another each time (a dropout that is always on?), so that "
    "accuracies differ from one evaluation to the next, and export refuses it"
)
MIXING = (
    "its answer to an image depends on the images beside it (a BatchNorm with "
    "track_running_stats=False?), so that accuracies hold for one evaluation batch, and export "
    "refuses it"
)


@torch.no_grad()
def answers_alike(make: Make, image: tuple[int, int, int]) -> str:
    """A sentence where the answer to an image is not the image's alone; "" where it is.

    The network is called with values: its own, and a little noise, as what is at zero hides what it
    multiplies. Empty, too, where it cannot be called so.
    """
    with without_traces():
        torch.manual_seed(0)
        try:
            module = initialized(make(), image).eval()
            for parameter in module.parameters():
                noise = 0.1 if parameter.dim() < 2 else 0.01  # a gate or scale may be at zero
                parameter.add_(torch.randn_like(parameter), alpha=noise)
            images = torch.rand(IMAGES, *image)
            together, again = module(images), module(images)
            # in twos: a BatchNorm may refuse one alone
            apart = torch.cat([module(two) for two in images.split(2)])
        except Exception:  # of somebody's code; what keeps it from training is told elsewhere
            return ""
    if not all(isinstance(one, Tensor) and one.isfinite().all() for one in (together, apart)):
        return ""
    if _differ(together, again):
        return RANDOM
    return MIXING if _differ(together, apart) else ""


def _differ(first: Tensor, second: Tensor) -> bool:
    least = TOLERANCE * float(first.abs().max())
    return first.shape != second.shape or float((first - second).abs().max()) > least
