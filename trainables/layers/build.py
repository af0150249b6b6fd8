"""Making a layer: from a random draw, or as near as its ranks allow to a given kernel."""

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
    """A layer of this size, initialised.

    input_hw (pixels) and batch (images) decide the route where `route` is None: the one that counts
    fewer multiply-adds. init: "kaiming" keeps the input's variance, doubled, as He et al. (2015)
    do for ReLU; "original" is the 2018 study's. On the meta device nothing is drawn.
    Raises ValueError for an unknown init or a route that the size does not have.
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
    """A layer whose kernel is as near to an (out, in, k, k) kernel as its decomposition comes.

    The decomposition runs in float64; the layer has the kernel's precision and device. At full
    ranks any kernel is reproduced by dense, tucker2 and tt_conv, any depthwise x pointwise one by
    the separable forms; cp comes as near as alternating least squares does. `relative_error` says
    how near. The generator fills ranks that the kernel does not use.
    Raises TypeError for half precision, ValueError for another shape, values that are not finite,
    or a kernel of zeros.
    """
    _check_kernel(size, kernel)
    layer = LAYERS[size.family](size, route or size.route(*input_hw, batch))
    layer.to(device=kernel.device, dtype=kernel.dtype)
    layer.init_from_kernel(kernel.detach().double(), generator)
    return layer


@torch.no_grad()
def relative_error(layer: FactorizedConv2d, kernel: Tensor) -> float:
    """||layer's kernel - kernel|| / ||kernel||, Frobenius: 0 is exact, 1 as bad as zeros."""
    return float((layer.kernel() - kernel).norm() / kernel.norm())


def _check_kernel(size: LayerSize, kernel: Tensor) -> None:
    check_precision(kernel)
    expected = size.spec.kernel_shape
    if tuple(kernel.shape) != expected:
        raise ValueError(f"the kernel must be of shape {expected}, got {tuple(kernel.shape)}")
    if not kernel.isfinite().all():
        raise ValueError(
            "the kernel has values that are not finite; decompose an earlier checkpoint"
        )
    if not kernel.any():
        raise ValueError("the kernel is all zeros: there is nothing to decompose")
