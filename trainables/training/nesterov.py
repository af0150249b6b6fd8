"""Stochastic gradient descent with Nesterov momentum, on groups of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd

MOMENTUM = 0.9  # Page 2018


@dataclass(frozen=True)
class Group:
    """Parameters that share a decay. ``name`` is one of GROUPS; several groups may bear one name.

    decay: λ of the update, in mean-loss units.
    penalty: λ of ½λ‖W‖² in the loss, on the kernels that the parameters stand for; 0 for none.
    annealed: whether the rate follows the schedule, or stays at its peak.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    decay: float
    penalty: float = 0.0
    annealed: bool = True


class Nesterov:
    """torch's own fused SGD step, without the class around it.

    Making a torch.optim.SGD imports torch's compiler: 3 s of core time and 150 MB for each worker.

    lr: one a group, in mean-loss units; on a GPU a device tensor, which a captured graph reads
        whenever it runs.
    momentum_buffers: one a parameter, there from the start. Zeros give the same first step as no
        buffer, can be saved before it, and are static buffers for a graph.
    """

    def __init__(self, groups: Sequence[Group], rate: float, device: torch.device) -> None:
        self.param_groups = tuple(groups)
        self.lr: list[float | Tensor] = [
            torch.tensor(rate, device=device) if device.type == "cuda" else rate for _ in groups
        ]
        self.momentum_buffers: dict[nn.Parameter, Tensor] = {
            parameter: torch.zeros_like(parameter, requires_grad=False)
            for group in groups
            for parameter in group.parameters
        }

    def set_rate(self, index: int, rate: float) -> None:
        """Changes the rate of one group."""
        held = self.lr[index]
        if isinstance(held, Tensor):
            held.fill_(rate)
        else:
            self.lr[index] = rate

    def zero_grad(self) -> None:
        """Forgets every gradient."""
        for parameter in self.momentum_buffers:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Updates every parameter from its gradient."""
        for group, rate in zip(self.param_groups, self.lr, strict=True):
            # a network may have weights that no image reaches
            moved = [parameter for parameter in group.parameters if parameter.grad is not None]
            if not moved:
                continue
            sgd(
                moved,
                [parameter.grad for parameter in moved],
                [self.momentum_buffers[parameter] for parameter in moved],
                fused=True,
                weight_decay=group.decay,
                momentum=MOMENTUM,
                lr=rate,
                dampening=0.0,
                nesterov=True,
                maximize=False,
            )
