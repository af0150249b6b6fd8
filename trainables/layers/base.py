"""The interface of a convolution that stores factors instead of its kernel."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from trainables.layers.kernel_on_demand import KernelOnDemand
from trainables.sizes.layer_size import FACTORIZED, RECONSTRUCTED, LayerSize
from trainables.sizes.spec import Pair


class FactorizedConv2d(nn.Module, ABC):
    """A convolution: forward(x) equals conv2d(x, kernel(), bias) by either route.

    The constructor leaves the factors uninitialised; `build_conv` and `build_from_kernel` fill
    them.

    Attributes:
        size: shapes and counts.
        route: "factorized" runs the stored factors. "reconstructed" makes the kernel (or a
            separable form's pointwise matrix) from them in every forward pass.
        factors: the parameters, in the order and shapes that each family states.
        bias: (out,), or None.
    """

    def __init__(self, size: LayerSize, route: str) -> None:
        """Raise ValueError when the size has no such route."""
        super().__init__()
        existing = {FACTORIZED: size.factorized, RECONSTRUCTED: size.reconstructed}
        if existing.get(route) is None:
            routes = [name for name, cost in existing.items() if cost is not None]
            raise ValueError(
                f"{size.family} of {size.spec} has the routes {routes}, got {route!r}"
                + (f": a mode of {size.modes} spans outputs and inputs" if size.modes else "")
            )
        self.size = size
        self.route = route
        self.factors = nn.ParameterList(torch.empty(shape) for shape in self.shapes(size))
        bias = nn.Parameter(torch.zeros(size.spec.out_channels)) if size.spec.bias else None
        self.register_parameter("bias", bias)

    @final
    def forward(self, input: Tensor) -> Tensor:
        """(batch, in, H, W) -> (batch, out, h, w); or one image without its batch, as Conv2d."""
        return self.run(input) if input.dim() == 4 else self.run(input[None])[0]

    @abstractmethod
    def run(self, x: Tensor) -> Tensor:
        """(batch, in, H, W) -> (batch, out, h, w)."""

    @property
    def is_whole(self) -> bool:
        """Whether forward runs what `reconstruct` returns, and not one factor after another."""
        return self.route == RECONSTRUCTED or len(self.factors) == 1

    # What of a Conv2d a network may read beside calling it.

    @property
    def weight(self) -> Tensor:
        """The kernel; made from its factors once its values are used."""
        return KernelOnDemand.of(self.size.spec.kernel_shape, self.factors[0], self.kernel)

    @property
    def in_channels(self) -> int:
        return self.size.spec.in_channels

    @property
    def out_channels(self) -> int:
        return self.size.spec.out_channels

    @property
    def kernel_size(self) -> Pair:
        return self.size.spec.window

    @property
    def stride(self) -> Pair:
        return self.size.spec.strides

    @property
    def padding(self) -> Pair | str:
        padding = self.size.spec.padding
        return (padding, padding) if isinstance(padding, int) else padding

    @property
    def padding_mode(self) -> str:
        return self.size.spec.padding_mode

    dilation = (1, 1)
    groups = 1

    @staticmethod
    @abstractmethod
    def shapes(size: LayerSize) -> Sequence[tuple[int, ...]]:
        """The shape of each factor."""

    @abstractmethod
    def reconstruct(self) -> Tensor:
        """What the factors represent: an (out, in) pointwise matrix or (out, in, k, k) kernel."""

    @abstractmethod
    def decompose(self, target: Tensor, generator: torch.Generator) -> list[Tensor]:
        """Factors that approximate what `reconstruct` returns, exactly at full ranks except for cp.

        Args:
            target: an (out, in) pointwise matrix or (out, in, k, k) kernel, float32 or float64.
            generator: of the random numbers that fill ranks which `target` does not use; cp starts
                from them.

        Returns:
            The factors, in the order and shapes of `shapes`.
        """

    @abstractmethod
    def kernel(self) -> Tensor:
        """The (out, in, k, k) kernel of the convolution, differentiable in the factors."""

    @abstractmethod
    def init_from_kernel(self, kernel: Tensor, generator: torch.Generator) -> None:
        """Approximate a float64 (out, in, k, k) kernel as closely as the decomposition can."""

    @abstractmethod
    def init_like(self, kernel: Tensor, generator: torch.Generator) -> None:
        """Start from a random (out, in, k, k) kernel, and give the reconstruction its norm.

        The factors decompose that kernel, except for cp, which draws them.
        """

    def project(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out): applies a layer with a 1x1 window to vectors."""
        pixels = x.reshape(-1, x.shape[-1], 1, 1)
        return self(pixels).reshape(*x.shape[:-1], self.size.spec.out_channels)

    @abstractmethod
    def init_kaiming(self, generator: torch.Generator) -> None:
        """Initialise so that white input of variance 1 gives outputs of variance 2 on average."""

    @abstractmethod
    def init_as_original(self, generator: torch.Generator) -> None:
        """Initialise as the 2018 study did: by torch's defaults, whatever variance results."""

    @torch.no_grad()
    def store(self, factors: Sequence[Tensor]) -> None:
        """Copy values into the factors."""
        for parameter, factor in zip(self.factors, factors, strict=True):
            parameter.copy_(factor)

    @torch.no_grad()
    def balance(self, norm: Tensor | None = None) -> None:
        """Rescale the factors to a common Frobenius norm, so that training changes them alike.

        Args:
            norm: what the norm of the reconstruction becomes; None leaves it as it is.
        """
        norms = torch.stack([factor.norm().double() for factor in self.factors])
        if not norms.all():
            return
        if len(norms) == 1:
            if norm is not None:
                self.factors[0].mul_(norm / norms[0])
            return
        gain = norms.new_ones(()) if norm is None else (norm / self.reconstruct().norm()).double()
        # in logarithms, since a product of thirty norms can overflow a float
        shared = ((norms.log().sum() + gain.log()) / len(norms)).exp()
        for factor, own in zip(self.factors, norms, strict=True):
            factor.mul_(shared / own)

    def extra_repr(self) -> str:
        spec, size = self.size.spec, self.size
        shape = f"{spec.in_channels}, {spec.out_channels}, kernel_size={spec.kernel_size}"
        modes = f", modes={size.modes}" if size.modes else ""
        ranks = f", ranks={size.ranks}" if size.ranks else ""
        return f"{shape}, stride={spec.stride}{modes}{ranks}, route={self.route}"
