"""Convolutions 1x1, k x k, 1x1: a Tucker-2 decomposition of the kernel."""

from math import prod
from typing import final

import torch
from torch import Tensor

from trainables.layers import decompose
from trainables.layers.kernel_form import KernelForm, Step
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.spec import ConvSpec


@final
class Tucker2Conv2d(KernelForm):
    """factors: contract (r1, in, 1, 1), core (r2, r1, k, k), expand (out, r2, 1, 1)."""

    @staticmethod
    def shapes(size: LayerSize) -> list[tuple[int, ...]]:
        r1, r2 = size.ranks
        return [
            (r1, size.spec.in_channels, 1, 1),
            (r2, r1, *size.spec.window),
            (size.spec.out_channels, r2, 1, 1),
        ]

    @staticmethod
    def steps(spec: ConvSpec) -> list[Step]:
        return [(1, 0), (spec.stride, spec.padding), (1, 0)]

    def reconstruct(self) -> Tensor:
        contract, core, expand = self.factors
        (r2, _, *window), (o, i) = core.shape, (expand.shape[0], contract.shape[1])
        # (r2, r1, k, k) -> (r2 k k, r1) @ (r1, in)
        product = core.permute(0, 2, 3, 1).flatten(0, 2) @ contract.flatten(1)
        product = expand.flatten(1) @ product.reshape(r2, prod(window) * i)
        # (out, k, k, in) -> (out, in, k, k). With a weight that is not contiguous, conv2d would run
        # in channels_last though the images are contiguous, 1.5 times as long at 512 channels
        return product.reshape(o, *window, i).permute(0, 3, 1, 2).contiguous()

    def decompose(self, target: Tensor, generator: torch.Generator) -> list[Tensor]:
        contract, core, expand = decompose.tucker2(target, *self.size.ranks)
        return [contract.T[:, :, None, None], core, expand[:, :, None, None]]
