"""A family in symbols, as docs/layers.md shows it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Formula:
    """What a family stores and costs.

    i inputs, o outputs, k x k window, H x W pixels in and h x w out; n_1..n_d the reshaped o x i
    matrix; r, S, R ranks.
    """

    stored: str
    parameters: str
    multiply_adds: str  # of the factors per image, then of a reconstruction per forward pass
