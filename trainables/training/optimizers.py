"""Optimisers that call torch's fused steps directly, on groups of parameters.

Constructing a torch.optim.SGD or AdamW imports torch's compiler: 3 s of core time and 150 MB for
each worker.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

MOMENTUM = 0.9  # Page 2018

BETAS = (0.9, 0.999)  # Kingma and Ba 2015
EPSILON = 1e-8  # Kingma and Ba 2015


@dataclass(frozen=True)
class Group:
    """Parameters that share a decay.

    Attributes:
        name: one of GROUPS; several groups may have the same name.
        parameters: the group's.
        decay: λ of the update, in mean-loss units.
        penalty: λ of ½λ‖W‖² in the loss, on the kernels that the parameters represent; 0 for none.
        annealed: whether the learning rate follows the schedule; else it stays at its peak.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    decay: float
    penalty: float = 0.0
    annealed: bool = True


class Optimizer(ABC):
    """An update rule and its buffers.

    Attributes:
        param_groups: as they were given.
        lr: one learning rate per group, in mean-loss units; on a GPU a device tensor, which a
            captured graph reads at each replay.
        parameters: of all groups.
        state: by name, such as ``momentum``, one buffer per parameter. The buffers exist from the
            start, so that they can be saved before the first step and captured in a graph.
    """

    def __init__(self, groups: Sequence[Group], rate: float, device: torch.device) -> None:
        self.param_groups = tuple(groups)
        self.lr: list[float | Tensor] = [
            torch.tensor(rate, device=device) if device.type == "cuda" else rate for _ in groups
        ]
        self.parameters = tuple(parameter for group in groups for parameter in group.parameters)
        self.state: dict[str, dict[nn.Parameter, Tensor]] = {}

    @final
    def set_rate(self, index: int, rate: float) -> None:
        """Changes the rate of one group."""
        current = self.lr[index]
        if isinstance(current, Tensor):
            current.fill_(rate)
        else:
            self.lr[index] = rate

    @final
    def zero_grad(self) -> None:
        """Drops every gradient."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Updates every parameter from its gradient."""
        for group, rate in zip(self.param_groups, self.lr, strict=True):
            # a network may have weights that its forward pass does not use
            parameters = [parameter for parameter in group.parameters if parameter.grad is not None]
            if parameters:
                self._update(
                    parameters, [parameter.grad for parameter in parameters], group.decay, rate
                )

    @abstractmethod
    def _update(
        self,
        parameters: list[nn.Parameter],
        gradients: list[Tensor | None],
        decay: float,
        rate: float | Tensor,
    ) -> None:
        """Updates parameters in place."""

    @final
    def _zeros(self) -> dict[nn.Parameter, Tensor]:
        return {
            parameter: torch.zeros_like(parameter, requires_grad=False)
            for parameter in self.parameters
        }


@final
class Nesterov(Optimizer):
    """Stochastic gradient descent with Nesterov momentum.

    torch's class creates its buffers in the first step; buffers of zeros give the same first step.
    """

    def __init__(self, groups: Sequence[Group], rate: float, device: torch.device) -> None:
        super().__init__(groups, rate, device)
        self.momentum_buffers = self._zeros()
        self.state = {"momentum": self.momentum_buffers}

    def _update(
        self,
        parameters: list[nn.Parameter],
        gradients: list[Tensor | None],
        decay: float,
        rate: float | Tensor,
    ) -> None:
        sgd(
            parameters,
            gradients,
            [self.momentum_buffers[parameter] for parameter in parameters],
            fused=True,
            weight_decay=decay,
            momentum=MOMENTUM,
            lr=rate,
            dampening=0.0,
            nesterov=True,
            maximize=False,
        )


@final
class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    def __init__(self, groups: Sequence[Group], rate: float, device: torch.device) -> None:
        super().__init__(groups, rate, device)
        steps = {parameter: torch.zeros((), device=device) for parameter in self.parameters}
        self.state = {"exp_avg": self._zeros(), "exp_avg_sq": self._zeros(), "step": steps}

    def _update(
        self,
        parameters: list[nn.Parameter],
        gradients: list[Tensor | None],
        decay: float,
        rate: float | Tensor,
    ) -> None:
        adamw(
            parameters,
            gradients,
            [self.state["exp_avg"][parameter] for parameter in parameters],
            [self.state["exp_avg_sq"][parameter] for parameter in parameters],
            [],
            [self.state["step"][parameter] for parameter in parameters],
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=rate,
            weight_decay=decay,
            eps=EPSILON,
            maximize=False,
        )


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": Nesterov, "adamw": AdamW}
