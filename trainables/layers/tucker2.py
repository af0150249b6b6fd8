"""1x1, k x k, 1x1: a Tucker-2 decomposition of the kernel."""

from typing import final

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from trainables.layers import decompose
from trainables.layers.kernel_form import KernelForm
from trainables.layers.memory_format import in_channels_last
from trainables.sizes.layer_size import LayerSize


@final
class Tucker2Conv2d(KernelForm):
    """factors: contract (r1, in, 1, 1), core (r2, r1, k, k), expand (out, r2, 1, 1)."""

    @staticmethod
    def shapes(size: LayerSize) -> list[tuple[int, ...]]:
        (r1, r2), k = size.ranks, size.spec.kernel_size
        return [
            (r1, size.spec.in_channels, 1, 1),
            (r2, r1, k, k),
            (size.spec.out_channels, r2, 1, 1),
        ]

    def reconstruct(self) -> Tensor:
        contract, core, expand = self.factors
        (r2, _, k, _), (o, i) = core.shape, (expand.shape[0], contract.shape[1])
        # (r2, r1, k, k) -> (r2 k k, r1) @ (r1, in)
        product = core.permute(0, 2, 3, 1).flatten(0, 2) @ contract.flatten(1)
        product = expand.flatten(1) @ product.reshape(r2, k * k * i)
        # (out, k, k, in) -> (out, in, k, k); contiguous, or conv2d would take contiguous images for
        # channels_last ones, which at 512 channels costs half as much again
        return product.reshape(o, k, k, i).permute(0, 3, 1, 2).contiguous()

    def run_factors(self, x: Tensor) -> Tensor:
        return in_channels_last(self._run, x)

    def _run(self, x: Tensor) -> Tensor:
        contract, core, expand = self.factors
        x = conv2d(conv2d(x, contract), core, None, self.size.spec.stride, self.size.spec.padding)
        return conv2d(x, expand)

    def decompose(self, target: Tensor, generator: torch.Generator) -> list[Tensor]:
        contract, core, expand = decompose.tucker2(target, *self.size.ranks)
        return [contract.T[:, :, None, None], core, expand[:, :, None, None]]
