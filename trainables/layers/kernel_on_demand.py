"""A kernel that is made from its factors only where its values are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

VALUES = ("T", "H", "mT", "mH", "data", "real", "imag")
"""Attributes of a tensor that hold values; all others tell of its shape, type or place."""

QUESTIONS = (
    *("size", "dim", "ndimension", "numel", "nelement", "element_size", "stride", "get_device"),
    *("is_floating_point", "is_complex", "is_contiguous", "__len__"),
    *("new_empty", "new_zeros", "new_ones", "new_full", "new_tensor"),
)
"""Methods of a tensor that its shape, its type and its place answer."""

_FREE = {getattr(Tensor, name) for name in QUESTIONS}
_FREE |= {torch.empty_like, torch.zeros_like, torch.ones_like, torch.is_floating_point, torch.numel}
_GETTERS_OF_VALUES = {getattr(Tensor, name).__get__ for name in VALUES}


def needs_values(function: Callable[..., Any]) -> bool:
    """Whether what torch was asked of a tensor depends on more than its shape, type and place."""
    if getattr(function, "__name__", "") == "__get__":
        return function in _GETTERS_OF_VALUES
    return function not in _FREE


class KernelOnDemand(Tensor):
    """What a factorised layer shows as its weight.

    Networks ask a layer's weight for its type or device before they call the layer. That takes no
    arithmetic; whatever else is done with it is done with the kernel.
    """

    _make: Callable[[], Tensor]

    @staticmethod
    def of(shape: Sequence[int], factor: Tensor, make: Callable[[], Tensor]) -> Tensor:
        """A tensor of that shape, of the factor's type and place.

        Args:
            shape: of what ``make`` returns.
            factor: one of those it is made from.
            make: the kernel, differentiable in the factors.
        """
        if torch.compiler.is_compiling():
            return make()
        bare = factor.detach().new_empty(1).expand(*shape)
        shown = Tensor._make_subclass(KernelOnDemand, bare, factor.requires_grad)
        shown._make = make
        return shown

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            if needs_values(func):
                args, kwargs = tree_map_only(cls, lambda one: one._make(), (args, kwargs or {}))
            return func(*args, **(kwargs or {}))
