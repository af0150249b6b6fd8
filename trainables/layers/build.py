"""Makes a layer, initialised at random or from a given kernel."""

from collections.abc import Callable

import torch
from torch import Tensor

from trainables.layers.base import FactorizedConv2d
from trainables.layers.decompose import check_precision
from trainables.layers.registry import LAYERS
from trainables.sizes.layer_size import LayerSize

INITS: dict[str, Callable[[FactorizedConv2d, torch.Generator], None]] = {
    "kaiming": lambda layer, generator: layer.init_kaiming(generator),
    "original": lambda layer, generator: layer.init_as_original(generator),
}


def build_conv(
    size: LayerSize,
    *,
    input_hw: tuple[int, int],
    batch: int,
    generator: torch.Generator,
    route: str | None = None,
    init: str = "kaiming",
) -> FactorizedConv2d:
    """A layer of this size, initialised at random; on the meta device it is left uninitialised.

    Args:
        size: shapes and ranks.
        input_hw: rows and columns of the input in pixels.
        batch: images at once.
        generator: of the random numbers.
        route: None takes the one with fewer multiply-adds for `input_hw` and `batch`.
        init: "kaiming" gives outputs twice the variance of the input, as He et al. (2015) do for
            ReLU; "original" is the initialisation of the 2018 study.

    Raises:
        ValueError: for an unknown init, or a route that the size does not have.
    """
    if init not in INITS:
        raise ValueError(f"init must be one of {', '.join(INITS)}, got {init!r}")
    layer = LAYERS[size.family](size, route or size.route(*input_hw, batch))
    if not layer.factors[0].is_meta:
        INITS[init](layer, generator)
    return layer


def build_from_kernel(
    size: LayerSize,
    kernel: Tensor,
    *,
    input_hw: tuple[int, int],
    batch: int,
    generator: torch.Generator,
    route: str | None = None,
) -> FactorizedConv2d:
    """A layer that approximates a given kernel; `relative_error` measures how closely.

    The decomposition runs in float64; the layer has the kernel's precision and device. At full
    ranks dense, tucker2 and tt_conv reproduce any kernel, and the separable families any
    depthwise x pointwise kernel. cp is as close as alternating least squares gets.

    Args:
        size: shapes and ranks.
        kernel: (out, in, k, k), float32 or float64.
        input_hw: rows and columns of the input in pixels.
        batch: images at once.
        generator: of the random numbers that fill ranks which the kernel does not use.
        route: None takes the one with fewer multiply-adds for `input_hw` and `batch`.

    Raises:
        TypeError: for a kernel in half precision.
        ValueError: for a kernel of another shape, with values that are not finite, or of zeros.
    """
    _check_kernel(size, kernel)
    layer = LAYERS[size.family](size, route or size.route(*input_hw, batch))
    layer.to(device=kernel.device, dtype=kernel.dtype)
    layer.init_from_kernel(kernel.detach().double(), generator)
    return layer


@torch.no_grad()
def relative_error(layer: FactorizedConv2d, kernel: Tensor) -> float:
    """||layer.kernel() - kernel|| / ||kernel||, Frobenius; a kernel of zeros would have 1."""
    return float((layer.kernel() - kernel).norm() / kernel.norm())


def kernel_problem(kernel: Tensor) -> str:
    """Why no factors can stand for the values of a kernel; "" where they can."""
    if not kernel.isfinite().all():
        return "the kernel has values that are not finite; decompose an earlier checkpoint"
    if not kernel.any():
        return "the kernel is all zeros: there is nothing to decompose"
    return ""


def _check_kernel(size: LayerSize, kernel: Tensor) -> None:
    check_precision(kernel)
    expected = size.spec.kernel_shape
    if tuple(kernel.shape) != expected:
        raise ValueError(f"the kernel must have the shape {expected}, got {tuple(kernel.shape)}")
    if problem := kernel_problem(kernel):
        raise ValueError(problem)
