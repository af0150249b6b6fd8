"""What the separable families share: a depthwise k x k convolution, then a pointwise matrix."""

from abc import abstractmethod
from collections.abc import Sequence
from math import sqrt
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.layers.base import FactorizedConv2d
from trainables.layers.convolve import convolve
from trainables.layers.initialization import normal, torch_default
from trainables.layers.memory_format import in_channels_last
from trainables.sizes.layer_size import LayerSize


class SeparableForm(FactorizedConv2d):
    """A depthwise convolution, then an (out, in) matrix that the factors represent.

    Attributes:
        depthwise: (in, 1, k, k); None at a 1x1 window.
    """

    def __init__(self, size: LayerSize, route: str) -> None:
        super().__init__(size, route)
        spec = size.spec
        shape = (spec.in_channels, 1, *spec.window)
        depthwise = nn.Parameter(torch.empty(shape)) if spec.area > 1 else None
        self.register_parameter("depthwise", depthwise)

    @abstractmethod
    def stages(self) -> Sequence[Tensor]:
        """Matrices whose product, applied first to last, is the pointwise matrix."""

    @final
    def run(self, x: Tensor) -> Tensor:
        return in_channels_last(self._run, x)

    @final
    def project(self, x: Tensor) -> Tensor:
        *first, last = self._matrices()
        for matrix in first:
            x = F.linear(x, matrix)
        return F.linear(x, last, self.bias)

    def _matrices(self) -> Sequence[Tensor]:
        return [self.reconstruct()] if self.is_whole else self.stages()

    def _run(self, x: Tensor) -> Tensor:
        spec = self.size.spec
        weights = [matrix[:, :, None, None] for matrix in self._matrices()]
        groups = 1
        if self.depthwise is not None:
            weights, groups = [self.depthwise, *weights], spec.in_channels
        first, *rest = weights
        x = convolve(
            x,
            first,
            None if rest else self.bias,
            stride=spec.stride,
            padding=spec.padding,
            padding_mode=spec.padding_mode,
            groups=groups,
        )
        for number, weight in enumerate(rest, start=1):
            x = convolve(x, weight, self.bias if number == len(rest) else None)
        return x

    @final
    def kernel(self) -> Tensor:
        pointwise = self.reconstruct()[:, :, None, None]
        # (out, in, 1, 1) * (in, k, k) -> (out, in, k, k)
        return pointwise if self.depthwise is None else pointwise * self.depthwise.squeeze(1)

    @final
    def init_from_kernel(self, kernel: Tensor, generator: torch.Generator) -> None:
        self.store(self.decompose(self._take_depthwise(kernel), generator))
        self.balance()

    @final
    @torch.no_grad()
    def init_like(self, kernel: Tensor, generator: torch.Generator) -> None:
        self.store(self.first_factors(self._take_depthwise(kernel), generator))
        # each depthwise window has norm 1, so the kernel has the norm of the pointwise matrix
        self.balance(kernel.norm())

    def _take_depthwise(self, kernel: Tensor) -> Tensor:
        """Store the windows of the nearest depthwise x pointwise kernel, and return its matrix.

        That kernel consists, for each input channel, of the leading singular pair of the (out, k^2)
        slice. Returns the (out, in) matrix.
        """
        if self.depthwise is None:
            return kernel[:, :, 0, 0]
        slices = kernel.transpose(0, 1).flatten(2)  # (in, out, k^2)
        windows = torch.linalg.eigh(slices.mT @ slices).eigenvectors[..., -1:]  # (in, k^2, 1)
        with torch.no_grad():
            self.depthwise.copy_(windows.reshape(self.depthwise.shape))
        return (slices @ windows).squeeze(2).T

    @final
    @torch.no_grad()
    def init_kaiming(self, generator: torch.Generator) -> None:
        """Depthwise N(0, 1/k^2), pointwise N(0, 2/in) (He et al. 2015) decomposed with its norm."""
        spec = self.size.spec
        if self.depthwise is not None:
            self.depthwise.copy_(normal(self.depthwise.shape, spec.area**-0.5, generator))
        shape = (spec.out_channels, spec.in_channels)
        pointwise = normal(shape, sqrt(2 / spec.in_channels), generator)
        self.store(self.first_factors(pointwise, generator))
        self.balance(pointwise.norm())

    @final
    @torch.no_grad()
    def init_as_original(self, generator: torch.Generator) -> None:
        if self.depthwise is not None:
            shape = self.depthwise.shape
            self.depthwise.copy_(torch_default(shape, self.size.spec.area, generator))
        self.store(self.original_factors(generator))

    def first_factors(self, pointwise: Tensor, generator: torch.Generator) -> list[Tensor]:
        """Factors in the shapes of `shapes` to start from, given a random (out, in) matrix."""
        return self.decompose(pointwise, generator)

    def original_factors(self, generator: torch.Generator) -> list[Tensor]:
        """As in 2018: torch's default pointwise matrix, decomposed without restoring its norm."""
        i, o = self.size.spec.in_channels, self.size.spec.out_channels
        return self.decompose(torch_default((o, i), i, generator), generator)
