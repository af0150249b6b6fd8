"""A matrix product whose matrix is factorised."""

from typing import final

from torch import Tensor, nn

from trainables.layers.base import FactorizedConv2d


@final
class FactorizedLinear(nn.Module):
    """pixel: the factorised matrix, as a convolution of a 1x1 window, with the bias."""

    def __init__(self, pixel: FactorizedConv2d) -> None:
        super().__init__()
        self.pixel = pixel

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return self.pixel.project(x)
