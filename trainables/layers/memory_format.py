"""The memory format in which small convolutions run fastest."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def with_kernels_last(network: nn.Module) -> nn.Module:
    """The network itself, its 2-d kernels in channels_last.

    ``network.to`` would convert every tensor of four dimensions or five, and fails at five: kernels
    of a Conv3d.
    """
    return network._apply(lambda x: x.to(memory_format=torch.channels_last) if x.dim() == 4 else x)


def in_channels_last(run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """run(x), in channels_last on the CPU; the result has the memory format of x.

    For pointwise, depthwise and narrow convolutions, oneDNN on contiguous images takes 15-35 %
    longer than on channels_last ones, the copy there and back included
    (benchmarks/results/layers.json). A dense 3x3 gains nothing. On a GPU the caller decides.
    """
    if x.device.type != "cpu" or x.is_contiguous(memory_format=torch.channels_last):
        return run(x)
    return run(x.contiguous(memory_format=torch.channels_last)).contiguous()
