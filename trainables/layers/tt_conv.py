"""1x1, k x 1, 1 x k, 1x1: a tensor train of the kernel over (in, k, k, out)."""

from typing import final

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from trainables.layers import decompose
from trainables.layers.kernel_form import KernelForm
from trainables.layers.memory_format import in_channels_last
from trainables.layers.tensor_train import multiply_out
from trainables.sizes.layer_size import LayerSize


@final
class TTConv2d(KernelForm):
    """factors: (r1, in, 1, 1), (r2, r1, k, 1), (r3, r2, 1, k), (out, r3, 1, 1)."""

    @staticmethod
    def shapes(size: LayerSize) -> list[tuple[int, ...]]:
        (r1, r2, r3), k = size.ranks, size.spec.kernel_size
        i, o = size.spec.in_channels, size.spec.out_channels
        return [(r1, i, 1, 1), (r2, r1, k, 1), (r3, r2, 1, k), (o, r3, 1, 1)]

    def reconstruct(self) -> Tensor:
        # weights (r_k, r_{k-1}, ...) -> cores (r_{k-1}, n_k, r_k); the first and last modes
        # are the channels, so their bonds of 1 come from an empty window
        first, *middle, last = (weight.flatten(2) for weight in self.factors)
        cores = [
            first.permute(2, 1, 0),
            *(w.permute(1, 2, 0) for w in middle),
            last.permute(1, 0, 2),
        ]
        i, k, o = first.shape[1], self.size.spec.kernel_size, last.shape[0]
        return multiply_out(cores).reshape(i, k, k, o).permute(3, 0, 1, 2)

    def run_factors(self, x: Tensor) -> Tensor:
        return in_channels_last(self._run, x)

    def _run(self, x: Tensor) -> Tensor:
        contract, rows, columns, expand = self.factors
        s, p = self.size.spec.stride, self.size.spec.padding
        x = conv2d(conv2d(x, contract), rows, None, (s, 1), (p, 0))
        return conv2d(conv2d(x, columns, None, (1, s), (0, p)), expand)

    def decompose(self, target: Tensor, generator: torch.Generator) -> list[Tensor]:
        # (out, in, k, k) -> (in, k, k, out)
        cores = decompose.tensor_train(target.permute(1, 2, 3, 0), self.size.ranks)
        first, rows, columns, last = cores
        return [
            first.permute(2, 1, 0)[..., None],  # (1, in, r1) -> (r1, in, 1, 1)
            rows.permute(2, 0, 1)[..., None],  # (r1, k, r2) -> (r2, r1, k, 1)
            columns.permute(2, 0, 1)[:, :, None],  # (r2, k, r3) -> (r3, r2, 1, k)
            last.permute(1, 0, 2)[..., None],  # (r3, out, 1) -> (out, r3, 1, 1)
        ]
