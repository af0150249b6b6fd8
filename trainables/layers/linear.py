"""A linear layer whose matrix is factorised."""

from typing import final

from torch import Tensor, nn

from trainables.layers.base import FactorizedConv2d
from trainables.layers.kernel_on_demand import KernelOnDemand


@final
class FactorizedLinear(nn.Module):
    """A linear layer.

    Attributes:
        pixel: the factorised matrix and the bias, as a convolution with a 1x1 window.
    """

    def __init__(self, pixel: FactorizedConv2d) -> None:
        super().__init__()
        self.pixel = pixel

    def forward(self, input: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return self.pixel.project(input)

    @property
    def weight(self) -> Tensor:
        """(out, in): the matrix; made from its factors once its values are used."""
        shape = (self.out_features, self.in_features)
        return KernelOnDemand.of(shape, self.pixel.factors[0], self._matrix)

    def _matrix(self) -> Tensor:
        return self.pixel.kernel()[:, :, 0, 0]

    @property
    def bias(self) -> Tensor | None:
        """(out,), or None."""
        return self.pixel.bias

    @property
    def in_features(self) -> int:
        """Length of a vector that it takes."""
        return self.pixel.in_channels

    @property
    def out_features(self) -> int:
        """Length of a vector that it gives."""
        return self.pixel.out_channels
