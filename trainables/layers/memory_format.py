"""The memory format in which small convolutions run."""

from collections.abc import Callable

import torch
from torch import Tensor


def in_channels_last(run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """run(x), in channels_last on the CPU; the result has the memory format of x.

    oneDNN takes 15-35 % longer over pointwise, depthwise and narrow convolutions of contiguous
    images than over two copies and the same in channels_last (benchmarks/results/layers.json). A
    dense 3x3 gains nothing, and on a GPU the caller decides.
    """
    if x.device.type != "cpu" or x.is_contiguous(memory_format=torch.channels_last):
        return run(x)
    return run(x.contiguous(memory_format=torch.channels_last)).contiguous()
