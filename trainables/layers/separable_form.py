"""Depthwise k x k, then a pointwise matrix: what the separable families share."""

from abc import abstractmethod
from collections.abc import Sequence
from math import sqrt
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from trainables.layers.base import FactorizedConv2d
from trainables.layers.initialization import normal, torch_default
from trainables.layers.memory_format import in_channels_last
from trainables.sizes.layer_size import RECONSTRUCTED, LayerSize


class SeparableForm(FactorizedConv2d):
    """depthwise: (in, 1, k, k); the factors stand for the (out, in) pointwise matrix."""

    def __init__(self, size: LayerSize, route: str) -> None:
        super().__init__(size, route)
        k = size.spec.kernel_size
        self.depthwise = nn.Parameter(torch.empty(size.spec.in_channels, 1, k, k))

    @abstractmethod
    def stages(self) -> Sequence[Tensor]:
        """Matrices that applied in turn, first to last, act as the pointwise matrix."""

    @final
    def forward(self, x: Tensor) -> Tensor:
        """(batch, in, H, W) -> (batch, out, h, w)."""
        return in_channels_last(self._run, x)

    def _run(self, x: Tensor) -> Tensor:
        spec = self.size.spec
        x = conv2d(x, self.depthwise, None, spec.stride, spec.padding, groups=spec.in_channels)
        matrices = [self.reconstruct()] if self.route == RECONSTRUCTED else self.stages()
        for matrix in matrices:
            x = conv2d(x, matrix[:, :, None, None])
        return x

    @final
    def kernel(self) -> Tensor:
        # (out, in, 1, 1) * (in, k, k) -> (out, in, k, k)
        return self.reconstruct()[:, :, None, None] * self.depthwise.squeeze(1)

    @final
    def set_kernel(self, kernel: Tensor, generator: torch.Generator) -> None:
        """The nearest depthwise x pointwise kernel, then its pointwise matrix as the factors.

        Nearest: for each input channel the leading singular pair of its (out, k^2) slice.
        """
        slices = kernel.transpose(0, 1).flatten(2)  # (in, out, k^2)
        windows = torch.linalg.eigh(slices.mT @ slices).eigenvectors[..., -1:]  # (in, k^2, 1)
        pointwise = (slices @ windows).squeeze(2).T  # (out, in)
        with torch.no_grad():
            self.depthwise.copy_(windows.reshape(self.depthwise.shape))
        self.store(self.decompose(pointwise, generator))
        self.balance()

    @final
    @torch.no_grad()
    def init_kaiming(self, generator: torch.Generator) -> None:
        """Depthwise N(0, 1/k^2), pointwise N(0, 2/in) (He et al. 2015), norm kept at any rank."""
        i, o = self.size.spec.in_channels, self.size.spec.out_channels
        self.depthwise.copy_(
            normal(self.depthwise.shape, 1 / self.size.spec.kernel_size, generator)
        )
        pointwise = normal((o, i), sqrt(2 / i), generator)
        self.store(self.first_factors(pointwise, generator))
        self.balance(pointwise.norm())

    @final
    @torch.no_grad()
    def init_as_original(self, generator: torch.Generator) -> None:
        k = self.size.spec.kernel_size
        self.depthwise.copy_(torch_default(self.depthwise.shape, k * k, generator))
        self.store(self.original_factors(generator))

    def first_factors(self, pointwise: Tensor, generator: torch.Generator) -> list[Tensor]:
        """Factors to start from, given a random pointwise matrix."""
        return self.decompose(pointwise, generator)

    def original_factors(self, generator: torch.Generator) -> list[Tensor]:
        """The original decomposed torch's default pointwise matrix and let the lost energy go."""
        i, o = self.size.spec.in_channels, self.size.spec.out_channels
        return self.decompose(torch_default((o, i), i, generator), generator)
