"""What families share whose factors represent the k x k kernel: each factor is a convolution."""

from abc import abstractmethod
from collections.abc import Sequence
from math import prod, sqrt
from typing import final

import torch
from torch import Tensor

from trainables.layers.base import FactorizedConv2d
from trainables.layers.convolve import convolve
from trainables.layers.initialization import normal, torch_default
from trainables.layers.memory_format import in_channels_last
from trainables.sizes.spec import ConvSpec, Extent

Step = tuple[Extent, Extent | str]  # stride and padding


class KernelForm(FactorizedConv2d):
    """The factors have the shapes of conv2d's weights and represent the (out, in, k, k) kernel."""

    @staticmethod
    @abstractmethod
    def steps(spec: ConvSpec) -> Sequence[Step]:
        """Stride and padding of each factor's convolution, in the order in which they run."""

    @final
    def run(self, x: Tensor) -> Tensor:
        if self.is_whole:
            spec = self.size.spec
            return self._convolve(x, self.reconstruct(), self.bias, (spec.stride, spec.padding))
        return in_channels_last(self._run_factors, x)

    @final
    def kernel(self) -> Tensor:
        return self.reconstruct()

    @final
    def init_from_kernel(self, kernel: Tensor, generator: torch.Generator) -> None:
        self.store(self.decompose(kernel, generator))
        self.balance()

    @final
    @torch.no_grad()
    def init_like(self, kernel: Tensor, generator: torch.Generator) -> None:
        self.store(self.decompose(kernel, generator))
        self.balance(kernel.norm())

    @final
    @torch.no_grad()
    def init_kaiming(self, generator: torch.Generator) -> None:
        """Decompose a kernel of N(0, 2/(k^2 in)) (He et al. 2015), keeping its norm at any rank."""
        spec = self.size.spec
        std = sqrt(2 / (spec.area * spec.in_channels))
        self.init_like(normal(spec.kernel_shape, std, generator), generator)

    @final
    @torch.no_grad()
    def init_as_original(self, generator: torch.Generator) -> None:
        self.store([torch_default(w.shape, prod(w.shape[1:]), generator) for w in self.factors])

    def _run_factors(self, x: Tensor) -> Tensor:
        *first, last = zip(self.factors, self.steps(self.size.spec), strict=True)
        for weight, step in first:
            x = self._convolve(x, weight, None, step)
        return self._convolve(x, last[0], self.bias, last[1])

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, step: Step) -> Tensor:
        stride, padding = step
        mode = self.size.spec.padding_mode
        return convolve(x, weight, bias, stride=stride, padding=padding, padding_mode=mode)
