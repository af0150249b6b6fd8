"""Factors of the k x k kernel itself, each of them a convolution."""

from abc import abstractmethod
from math import prod, sqrt
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from trainables.layers.base import FactorizedConv2d
from trainables.layers.initialization import normal, torch_default
from trainables.sizes.layer_size import RECONSTRUCTED


class KernelForm(FactorizedConv2d):
    """The factors, shaped as weights of conv2d, stand for the (out, in, k, k) kernel."""

    @abstractmethod
    def run_factors(self, x: Tensor) -> Tensor:
        """The factors as convolutions in turn: (batch, in, H, W) -> (batch, out, h, w)."""

    @final
    def forward(self, x: Tensor) -> Tensor:
        """(batch, in, H, W) -> (batch, out, h, w)."""
        if self.route == RECONSTRUCTED:
            return conv2d(
                x, self.reconstruct(), None, self.size.spec.stride, self.size.spec.padding
            )
        return self.run_factors(x)

    @property
    def is_one_convolution(self) -> bool:
        """Whether forward is a convolution with `kernel()`, and nothing else."""
        return self.route == RECONSTRUCTED or len(self.factors) == 1

    @final
    def kernel(self) -> Tensor:
        return self.reconstruct()

    @final
    def set_kernel(self, kernel: Tensor, generator: torch.Generator) -> None:
        self.store(self.decompose(kernel, generator))
        self.balance()

    @final
    @torch.no_grad()
    def init_kaiming(self, generator: torch.Generator) -> None:
        """A kernel of N(0, 2/(k^2 in)) (He et al. 2015), decomposed, its norm kept at any rank."""
        spec = self.size.spec
        k, i, o = spec.kernel_size, spec.in_channels, spec.out_channels
        kernel = normal((o, i, k, k), sqrt(2 / (k * k * i)), generator)
        self.store(self.decompose(kernel, generator))
        self.balance(kernel.norm())

    @final
    @torch.no_grad()
    def init_as_original(self, generator: torch.Generator) -> None:
        self.store([torch_default(w.shape, prod(w.shape[1:]), generator) for w in self.factors])
