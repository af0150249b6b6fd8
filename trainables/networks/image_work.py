"""The work of one image: calls of a network's layers, and multiply-adds in and outside of them."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from trainables.layers.kernel_on_demand import needs_values
from trainables.networks.layer_calls import (
    BATCH,
    Calls,
    Image,
    call_layers,
    extents,
    layers_of,
)
from trainables.networks.network_error import NetworkError
from trainables.sizes.spec import Call

Shape = Sequence[int]


@dataclass(frozen=True)
class ImageWork:
    """The work that one image causes.

    Attributes:
        calls: extents of the inputs of each layer, in the order of first calls.
        macs: multiply-adds of each layer, without those of layers inside it.
        other_macs: of everything outside of layers; None where torch cannot count them.
        read: layers that are called, and whose weights are also used in another way.
    """

    calls: Mapping[str, tuple[Call, ...]]
    macs: Mapping[str, int]
    other_macs: int | None
    read: Set[str]


def work_of_an_image(module: nn.Module, image: Image, name: str, calls: Calls) -> ImageWork:
    """Measures the work with one image, or with several where a network needs that.

    Args:
        module: on the meta device.
        image: channels, rows, columns.
        name: of the network.
        calls: of a forward pass with ``BATCH`` images.
    """
    for images in (1, BATCH):
        with contextlib.suppress(NetworkError):
            return _metered(module, image, name, images)
    return ImageWork(extents(module, calls, BATCH), {}, None, frozenset())


def _metered(module: nn.Module, image: Image, name: str, images: int) -> ImageWork:
    meter = _Meter(module)
    with meter:
        calls, _ = call_layers(module, image, name, images, anew=meter.clear)
    macs = {layer: flops // 2 // images for layer, flops in meter.flops.items()}
    return ImageWork(
        extents(module, calls, images),
        macs,
        meter.counter.get_total_flops() // 2 // images - sum(macs.values()),
        meter.read & calls.keys(),
    )


class _Meter(TorchFunctionMode):
    """Counts floating point operations inside layers, and detects uses of weights outside."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        # imports triton, for 0.3 s, and a worker counts nothing
        from torch.utils.flop_counter import FlopCounterMode

        self.counter = FlopCounterMode(display=False, custom_mapping=_formulas())
        self.flops: Counter[str] = Counter()
        self.read: set[str] = set()
        self._module = module
        self._layers = dict(layers_of(module))
        self._weights = {id(layer.weight): name for name, layer in self._layers.items()}
        self._running: list[tuple[str, int]] = []  # layers, and what was counted before each
        self._open = contextlib.ExitStack()

    def __enter__(self) -> _Meter:
        for name, layer in self._layers.items():
            before = layer.register_forward_pre_hook(self._enter(name))
            after = layer.register_forward_hook(self._leave)
            self._open.callback(before.remove)
            self._open.callback(after.remove)
        for parameter in self._module.parameters():
            if parameter.requires_grad:  # torch's counter fails for a parameter that is an input
                self._open.callback(parameter.requires_grad_)
                parameter.requires_grad_(False)
        self._open.enter_context(self.counter)
        super().__enter__()
        return self

    def __exit__(self, *problem: Any) -> None:
        super().__exit__(*problem)
        self._open.close()

    def clear(self) -> None:
        """Forgets everything."""
        for seen in (self.counter.flop_counts, self.flops, self.read, self._running):
            seen.clear()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if needs_values(func):
            inside = {name for name, _ in self._running}
            used = [tensor for tensor in tree_leaves((args, kwargs)) if isinstance(tensor, Tensor)]
            names = {self._weights[id(tensor)] for tensor in used if id(tensor) in self._weights}
            self.read |= names - inside
        return func(*args, **(kwargs or {}))

    def _enter(self, name: str) -> Callable[..., None]:
        def enter(layer: nn.Module, inputs: Any) -> None:
            self._count()
            self._running.append((name, self.counter.get_total_flops()))

        return enter

    def _leave(self, layer: nn.Module, inputs: Any, output: Any) -> None:
        self._count()
        self._running.pop()
        if self._running:  # its operations do not count for the surrounding layer
            name, _ = self._running[-1]
            self._running[-1] = (name, self.counter.get_total_flops())

    def _count(self) -> None:
        """Adds the operations since the last call to the innermost running layer."""
        if self._running:
            name, before = self._running[-1]
            self.flops[name] += self.counter.get_total_flops() - before


def _formulas() -> dict[Any, Callable[..., int]]:
    """Formulas for products that torch's counter leaves out: operations from shapes."""
    aten = torch.ops.aten
    formulas: dict[Any, Callable[..., int]] = {
        aten.mv: lambda matrix, vector, **_: 2 * prod(matrix),
        aten.addmv: lambda added, matrix, vector, **_: 2 * prod(matrix),
        aten.dot: lambda left, right, **_: 2 * prod(left),
        aten.vdot: lambda left, right, **_: 2 * prod(left),
        aten.addbmm: lambda added, left, right, **_: 2 * prod(left) * right[-1],
        aten.conv_tbc: lambda x, weight, *_, out_shape, **__: (
            2 * prod(out_shape) * prod(weight[:2])
        ),
        aten._trilinear: lambda left, weight, *_, **__: 2 * left[0] * prod(weight),  # Bilinear's
    }
    if "torchvision" in sys.modules:
        formulas[torch.ops.torchvision.deform_conv2d] = _deformed
    return formulas


def _deformed(x: Shape, weight: Shape, *_: Any, out_shape: Shape, **__: Any) -> int:
    return 2 * prod(out_shape) * prod(weight[1:])
