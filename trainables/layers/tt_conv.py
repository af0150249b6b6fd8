"""Convolutions 1x1, k x 1, 1 x k, 1x1: a tensor train of the kernel over (in, k, k, out)."""

from itertools import pairwise
from typing import final

import torch
from torch import Tensor

from trainables.layers import decompose
from trainables.layers.kernel_form import KernelForm, Step
from trainables.layers.tensor_train import multiply_out
from trainables.sizes.layer_size import LayerSize
from trainables.sizes.spec import ConvSpec
from trainables.sizes.tt_conv import kernel_modes


@final
class TTConv2d(KernelForm):
    """factors: (r1, in, 1, 1), (r2, r1, k, 1), (r3, r2, 1, k), (out, r3, 1, 1).

    A window of one row or one column has a single convolution in the middle, (r2, r1, 1, k).
    """

    @staticmethod
    def shapes(size: LayerSize) -> list[tuple[int, ...]]:
        bonds = (size.spec.in_channels, *size.ranks, size.spec.out_channels)
        windows = [(1, 1), *_windows(size.spec), (1, 1)]
        return [
            (after, before, *window)
            for (before, after), window in zip(pairwise(bonds), windows, strict=True)
        ]

    @staticmethod
    def steps(spec: ConvSpec) -> list[Step]:
        middle: list[Step] = [(spec.stride, spec.padding)]
        if len(_windows(spec)) == 2:
            down, right = spec.strides
            same = isinstance(spec.padding, str)
            rows, columns = ("same", "same") if same else _separate(spec)
            middle = [((down, 1), rows), ((1, right), columns)]
        return [(1, 0), *middle, (1, 0)]

    def reconstruct(self) -> Tensor:
        # weights (r_k, r_{k-1}, ...) -> cores (r_{k-1}, n_k, r_k); the outer bonds of 1 are the
        # flattened 1x1 windows of the first and last weight, whose modes are the channels
        first, *middle, last = (weight.flatten(2) for weight in self.factors)
        cores = [
            first.permute(2, 1, 0),
            *(w.permute(1, 2, 0) for w in middle),
            last.permute(1, 0, 2),
        ]
        i, o = first.shape[1], last.shape[0]
        return multiply_out(cores).reshape(i, *self.size.spec.window, o).permute(3, 0, 1, 2)

    def decompose(self, target: Tensor, generator: torch.Generator) -> list[Tensor]:
        # (out, in, k, k) -> (in, k, k, out), leaving out a side of one pixel
        spec = self.size.spec
        tensor = target.permute(1, 2, 3, 0).reshape(kernel_modes(spec))
        first, *middle, last = decompose.tensor_train(tensor, self.size.ranks)
        return [
            first.permute(2, 1, 0)[..., None],  # (1, in, r1) -> (r1, in, 1, 1)
            *(
                core.permute(2, 0, 1).unflatten(2, window)  # (r1, k, r2) -> (r2, r1, k, 1)
                for core, window in zip(middle, _windows(spec), strict=True)
            ),
            last.permute(1, 0, 2)[..., None],  # (r3, out, 1) -> (out, r3, 1, 1)
        ]


def _windows(spec: ConvSpec) -> list[tuple[int, int]]:
    """The windows of the middle convolutions, rows first, leaving out sides of one pixel."""
    rows, columns = spec.window
    return [window for window in ((rows, 1), (1, columns)) if window != (1, 1)]


def _separate(spec: ConvSpec) -> tuple[tuple[int, int], tuple[int, int]]:
    """The padding of the rows alone, and of the columns alone."""
    assert not isinstance(spec.padding, str)
    padding = spec.padding
    rows, columns = (padding, padding) if isinstance(padding, int) else padding
    return (rows, 0), (0, columns)
