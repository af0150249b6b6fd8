"""The formulas of a family, as docs/layers.md shows them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Formula:
    """What a family stores and what it costs.

    The symbols are: i input and o output channels; a k x k window; H x W pixels in and h x w out;
    n_1..n_d the dimensions of the reshaped o x i matrix; r, S and R ranks.

    Attributes:
        stored: the factors.
        parameters: their number.
        multiply_adds: of the factors per image, then of a reconstruction per forward pass.
    """

    stored: str
    parameters: str
    multiply_adds: str
