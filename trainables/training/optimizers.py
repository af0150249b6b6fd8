"""What moves parameters: torch's own fused steps on groups of them, without the classes around.

Making a torch.optim.SGD or AdamW imports torch's compiler: 3 s of core time and 150 MB for each
worker.
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


class Optimizer(ABC):
    """An update rule and what it remembers of each parameter.

    lr: one a group, in mean-loss units; on a GPU a device tensor, which a captured graph reads
        whenever it runs.
    state: buffers by what they hold, one a parameter, there from the start: they can be saved
        before the first step, and are static for a graph.
    """

    def __init__(self, groups: Sequence[Group], rate: float, device: torch.device) -> None:
        self.param_groups = tuple(groups)
        self.lr: list[float | Tensor] = [
            torch.tensor(rate, device=device) if device.type == "cuda" else rate for _ in groups
        ]
        self.parameters = tuple(one for group in groups for one in group.parameters)
        self.state: dict[str, dict[nn.Parameter, Tensor]] = {}

    @final
    def set_rate(self, index: int, rate: float) -> None:
        """Changes the rate of one group."""
        held = self.lr[index]
        if isinstance(held, Tensor):
            held.fill_(rate)
        else:
            self.lr[index] = rate

    @final
    def zero_grad(self) -> None:
        """Forgets every gradient."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Updates every parameter from its gradient."""
        for group, rate in zip(self.param_groups, self.lr, strict=True):
            # a network may have weights that no image reaches
            moved = [parameter for parameter in group.parameters if parameter.grad is not None]
            if moved:
                self._update(moved, [one.grad for one in moved], group.decay, rate)

    @abstractmethod
    def _update(
        self,
        parameters: list[nn.Parameter],
        gradients: list[Tensor | None],
        decay: float,
        rate: float | Tensor,
    ) -> None:
        """Moves some parameters, in place."""

    @final
    def _zeros(self) -> dict[nn.Parameter, Tensor]:
        return {one: torch.zeros_like(one, requires_grad=False) for one in self.parameters}


@final
class Nesterov(Optimizer):
    """Stochastic gradient descent with Nesterov momentum.

    Buffers of zeros give the same first step as torch's, which has none before it.
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
    """Adam whose decay is not part of the gradient (Loshchilov and Hutter 2019)."""

    def __init__(self, groups: Sequence[Group], rate: float, device: torch.device) -> None:
        super().__init__(groups, rate, device)
        steps = {one: torch.zeros((), device=device) for one in self.parameters}
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
