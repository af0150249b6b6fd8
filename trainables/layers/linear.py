"""A linear layer whose matrix is factorised."""

from typing import final

from torch import Tensor, nn

from trainables.layers.base import FactorizedConv2d


@final
class FactorizedLinear(nn.Module):
    """A linear layer.

    Attributes:
        pixel: the factorised matrix and the bias, as a convolution with a 1x1 window.
    """

    def __init__(self, pixel: FactorizedConv2d) -> None:
        super().__init__()
        self.pixel = pixel

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return self.pixel.project(x)
