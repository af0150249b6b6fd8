"""Traces a network to a table of layers: builds it without memory and calls it with hooks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from trainables.architectures.layer_table import LayerRow, LayerTable
from trainables.networks.image_work import ImageWork, work_of_an_image
from trainables.networks.layer_calls import (
    BATCH,
    bypassed_layers,
    call_layers,
    check_outputs,
    count_classes,
    holders_of,
    layers_of,
    to_meta,
    without_traces,
    without_values,
)
from trainables.networks.network_error import NetworkError, where_it_failed, words_of
from trainables.sizes.spec import Call, Pair

Make = Callable[[], nn.Module]

BYPASSED = "called by its type, or by another way than its place in the network"
READ = "its weights are used beside calling it"
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def trace(
    make: Make | nn.Module,
    *,
    image: tuple[int, int, int],
    classes: int | None = None,
    network: str = "",
    default: Callable[[tuple[LayerRow, ...]], tuple[str, ...]] | None = None,
    sources: Mapping[str, str] | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> LayerTable:
    """The table of the network that ``make`` builds.

    Args:
        make: builds the network; called on the meta device, where tensors have only shapes, or on
            the CPU where its constructor reads values. An existing network is not changed.
        image: channels, rows, columns.
        classes: number of logits that it must return; None accepts any number.
        network: its name, for messages and in the table.
        default: which rows are replaced unless something else is asked for; every one that can be
            but the first and the last, where None.
        sources: texts of the files that it is made from.
        arguments: further arguments of ``make``.

    Raises:
        NetworkError: when it cannot be built or called, or does not return logits (batch, classes).
    """
    if isinstance(make, nn.Module):
        existing = make
        network, make = network or type(existing).__name__, lambda: existing
    name = network or getattr(make, "__name__", "the network")
    with without_values(_built(lambda: initialized(make(), image), name)) as module:
        return _table(module, image, classes, name, default, sources or {}, arguments or {})


def _table(
    module: nn.Module,
    image: tuple[int, int, int],
    classes: int | None,
    name: str,
    default: Callable[[tuple[LayerRow, ...]], tuple[str, ...]] | None,
    sources: Mapping[str, str],
    arguments: Mapping[str, Any],
) -> LayerTable:
    module.eval()
    calls, output = call_layers(module, image, name)
    found = count_classes(output, classes, name)
    check_outputs(module, image, found, name)
    bypassed = bypassed_layers(module, image, calls)
    work = work_of_an_image(module, image, name, calls)
    rows = sorted(_rows(module, work, bypassed), key=lambda row: (row.position < 0, row.position))
    table_rows = tuple(_each_parameter_once(module, rows))
    counted = sum(row.parameters for row in table_rows)
    total = sum(parameter.numel() for parameter in module.parameters())
    chosen = default(table_rows) if default else _all_but_ends(table_rows)
    return LayerTable(
        network=name,
        image=image,
        classes=found,
        rows=table_rows,
        default=chosen,
        other_parameters=total - counted,
        other_macs=work.other_macs,
        sources=sources,
        arguments=arguments,
    )


def build_meta(make: Make, name: str = "the network") -> nn.Module:
    """The network on the meta device; built on the CPU first where its constructor needs values.

    Raises:
        NetworkError: when it cannot be built, or is no Module.
    """
    module = _built(make, name)
    to_meta(module)
    return module


def _built(make: Make, name: str) -> nn.Module:
    """The network, on the meta device or on the CPU."""
    with without_traces():
        try:
            with torch.device("meta"):
                module = make()
        except (Exception, SystemExit):
            try:
                module = make()
            except (Exception, SystemExit) as problem:
                raise NetworkError(
                    f"{name} cannot be built: {words_of(problem)}{where_it_failed(problem)}"
                ) from problem
    if not isinstance(module, nn.Module):
        got = f"{type(module).__name__}: {' '.join(repr(module).split()):.60}"
        raise NetworkError(f"{name} must return a torch.nn.Module, got {got}")
    _check_open(module, name)
    return module


def initialized(module: nn.Module, image: tuple[int, int, int]) -> nn.Module:
    """The network with its lazy layers initialised, which happens at a call with an image."""
    if isinstance(module, nn.Module) and any(map(is_lazy, module.parameters())):
        training = module.training
        with torch.no_grad():
            module.eval()(torch.zeros(BATCH, *image))
        module.train(training)
    return module


def _check_open(module: nn.Module, name: str) -> None:
    """Raises NetworkError where layers or state are hidden, as in scripted or compiled modules."""
    for part, value in module.state_dict().items():
        if not isinstance(value, Tensor):
            raise NetworkError(
                f"{name} keeps {part} in its state_dict, a {type(value).__name__}, and a "
                "checkpoint holds tensors alone: register it as a buffer, not by get_extra_state"
            )
    for where, submodule in module.named_modules():
        part = f"its part {where}" if where else "it"
        if isinstance(submodule, torch.jit.ScriptModule) and any(
            True for _ in submodule.parameters()
        ):
            raise NetworkError(
                f"the layers of {name} cannot be seen, since {part} is a torch.jit.ScriptModule: "
                "return the module that it was made from"
            )
        if "_orig_mod" in submodule._modules or submodule._compiled_call_impl is not None:
            raise NetworkError(
                f"the layers of {name} cannot be watched, since {part} went through torch.compile: "
                "return it as it was; the key compile compiles what is trained"
            )


def _rows(module: nn.Module, work: ImageWork, bypassed: Collection[str]) -> list[LayerRow]:
    holders = holders_of(module)
    positions = {name: number for number, name in enumerate(work.calls)}
    rows = []
    for name, layer in layers_of(module):
        obstacle = BYPASSED if name in bypassed else oddity(layer)
        held_by = holders.get(id(layer._parameters.get("weight")), ())
        shared_with = ", ".join(other for other in held_by if other != name)
        if not obstacle and shared_with:
            obstacle = "its weight is shared with another layer"
        if not obstacle and name in work.read:
            obstacle = READ
        row = _row(name, layer, work.calls.get(name, ()), positions.get(name, -1), obstacle)
        done = work.macs.get(name, row.macs)
        counted = None if done == row.macs else done
        rows.append(replace(row, counted=counted, shared_with=shared_with))
    return rows


def _each_parameter_once(module: nn.Module, rows: Iterable[LayerRow]) -> Iterator[LayerRow]:
    """The rows, each without the parameters of those before it."""
    seen: set[int] = set()
    for row in rows:
        layer = module.get_submodule(row.name)
        weight = layer._parameters.get("weight")
        bias = layer._parameters.get("bias")
        # one that is computed belongs to whatever it is computed from
        held = layer.parameters() if weight is None else [weight]
        own = {id(one): one.numel() for one in held if one is not bias and id(one) not in seen}
        seen |= own.keys()
        owned = sum(own.values())
        yield row if owned == row.weights else replace(row, owned=owned)


def _row(
    name: str,
    layer: nn.Conv2d | nn.Linear,
    inputs: tuple[Call, ...],
    position: int,
    obstacle: str,
) -> LayerRow:
    if isinstance(layer, nn.Linear):
        return LayerRow(
            name,
            "linear",
            layer.in_features,
            layer.out_features,
            inputs,
            position,
            bias=layer.bias is not None,
            obstacle=obstacle,
        )
    padding: Pair | Literal["same"] = "same"
    if not isinstance(layer.padding, str):
        padding = (layer.padding[0], layer.padding[1])
    elif layer.padding == "valid":
        padding = (0, 0)
    return LayerRow(
        name,
        "conv",
        layer.in_channels,
        layer.out_channels,
        inputs,
        position,
        kernel=tuple(layer.kernel_size),
        stride=tuple(layer.stride),
        padding=padding,
        dilation=tuple(layer.dilation),
        groups=layer.groups,
        bias=layer.bias is not None,
        padding_mode=layer.padding_mode,
        obstacle=obstacle,
    )


def oddity(layer: nn.Conv2d | nn.Linear) -> str:
    """Why a layer cannot be replaced by another; "" for a plain layer."""
    kind = nn.Conv2d if isinstance(layer, nn.Conv2d) else nn.Linear
    own = type(layer)
    if layer._parameters.get("weight") is None:
        return "its weight is computed from other parameters"
    if layer.bias is not None and layer._parameters.get("bias") is None:
        return "its bias is computed from other parameters"
    if (
        own.forward is not kind.forward
        or "forward" in vars(layer)
        or (kind is nn.Conv2d and own._conv_forward is not nn.Conv2d._conv_forward)
    ):
        return f"a {own.__name__} computes something of its own"
    if any(getattr(layer, hooks) for hooks in HOOKS):
        return "hooks on it change what it does"
    return ""


def _all_but_ends(rows: tuple[LayerRow, ...]) -> tuple[str, ...]:
    called = [row.position for row in rows if row.position >= 0]
    ends = {min(called), max(called)} if called else set()
    return tuple(row.name for row in rows if not row.reason and row.position not in ends)
