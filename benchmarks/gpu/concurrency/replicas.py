"""Networks that differ in their values alone, run as one network with grouped operations.

The channels of all replicas lie side by side, (B, N·C, H, W), replica by replica. A convolution of
N replicas is one with N times the groups, their BatchNorms are one over N·C channels, their linear
layers one batched product: exact, as no replica's numbers meet another's. Every parameter stays
with its own network, so that each keeps its rate and its decay (HFTA, Wang et al. 2021, arXiv
2102.02344, does so for whole libraries of layers).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from trainables.layers.base import FactorizedConv2d


def fuse(networks: Sequence[nn.Module]) -> nn.Module:
    """One network of (B, N·C, H, W) whose parameters are those of the networks themselves.

    Raises:
        TypeError: they hold a layer with parameters that is no convolution, BatchNorm or linear.
    """
    tensors = {id(tensor): tensor for tensor in [*networks[0].parameters(), *networks[0].buffers()]}
    fused = copy.deepcopy(networks[0], tensors)  # the structure, not the tensors
    for name, module in list(networks[0].named_modules()):
        if (kind := _kind(module)) is not None:
            replicas = [network.get_submodule(name) for network in networks]
            fused.set_submodule(name, kind(replicas))
    mine = {id(parameter) for network in networks for parameter in network.parameters()}
    if {id(parameter) for parameter in fused.parameters()} != mine:
        raise TypeError(f"some layers of {type(networks[0]).__name__} cannot be fused")
    return fused


def _kind(module: nn.Module) -> Callable[[list[nn.Module]], nn.Module] | None:
    if isinstance(module, FactorizedConv2d | nn.Conv2d):
        return FusedConv
    return {nn.BatchNorm2d: FusedNorm, nn.Linear: FusedLinear}.get(type(module))


@dataclass(frozen=True)
class Convolution:
    """One call of conv2d, without what it is called on."""

    weight: Tensor
    bias: Tensor | None
    stride: Any
    padding: Any
    dilation: Any
    groups: int


class _Noting(TorchFunctionMode):
    """Notes the convolutions of a layer instead of running them; factors are multiplied out."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[Convolution] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func is not F.conv2d:
            return func(*args, **(kwargs or {}))
        return self._note(*args, **(kwargs or {}))

    def _note(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        self.noted.append(Convolution(weight, bias, stride, padding, dilation, groups))
        return x.new_empty(1, weight.shape[0], 1, 1)


def convolutions(layer: nn.Module, x: Tensor) -> list[Convolution]:
    """The convolutions that a layer runs on images like ``x``, in turn."""
    with _Noting() as noting:
        layer(x)
    return noting.noted


class FusedConv(nn.Module):
    """Of N convolutions, however each makes its kernel."""

    def __init__(self, replicas: list[nn.Module]) -> None:
        super().__init__()
        first = replicas[0]
        mode = getattr(getattr(first, "size", None), "spec", first).padding_mode
        if mode != "zeros":
            raise TypeError(f"a convolution padded by {mode} cannot be fused")
        self.replicas = nn.ModuleList(replicas)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N·in, H, W) → (B, N·out, h, w)."""
        count = len(self.replicas)
        like = x.new_empty(1, x.shape[1] // count, 1, 1)
        chains = [convolutions(replica, like) for replica in self.replicas]
        for steps in zip(*chains, strict=True):
            one = steps[0]
            bias = None if one.bias is None else torch.cat([step.bias for step in steps])
            weight = torch.cat([step.weight for step in steps])
            groups = count * one.groups
            x = F.conv2d(x, weight, bias, one.stride, one.padding, one.dilation, groups)
        return x


class FusedNorm(nn.Module):
    """Of N BatchNorms; their running statistics become parts of one buffer."""

    def __init__(self, replicas: list[nn.BatchNorm2d]) -> None:
        super().__init__()
        self.replicas = nn.ModuleList(replicas)
        for name in ("running_mean", "running_var"):
            whole = torch.cat([getattr(replica, name) for replica in replicas])
            self.register_buffer(name, whole)
            for replica, part in zip(replicas, whole.chunk(len(replicas)), strict=True):
                setattr(replica, name, part)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N·C, H, W) → the same shape."""
        first = self.replicas[0]
        weight = torch.cat([replica.weight for replica in self.replicas])
        bias = torch.cat([replica.bias for replica in self.replicas])
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            weight,
            bias,
            first.training,
            first.momentum,
            first.eps,
        )


class FusedLinear(nn.Module):
    """Of N linear layers."""

    def __init__(self, replicas: list[nn.Linear]) -> None:
        super().__init__()
        self.replicas = nn.ModuleList(replicas)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N·in) → (B, N, out)."""
        weight = torch.stack([replica.weight for replica in self.replicas])  # (N, out, in)
        images = x.unflatten(1, (len(self.replicas), -1)).transpose(0, 1)  # (N, B, in)
        out = torch.bmm(images, weight.mT)
        if self.replicas[0].bias is not None:
            out = out + torch.stack([replica.bias for replica in self.replicas])[:, None]
        return out.transpose(0, 1)
