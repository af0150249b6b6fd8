"""A network becomes a table of layers: built without memory, called once, watched by hooks."""

from __future__ import annotations

import contextlib
import inspect
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from trainables.sizes.layer_table import LayerRow, LayerTable
from trainables.sizes.spec import Pair

Make = Callable[[], nn.Module]
Calls = dict[str, list[Pair]]

BATCH = 2  # images of the one forward pass: more than one, to see the batch apart from the rest


class NetworkError(ValueError):
    """A network that cannot be used; says what it does and what was expected."""


def trace(
    make: Make,
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
        make: builds the network; called on the meta device, where tensors have shapes only. Where
            its constructor reads values, it is called on the CPU.
        image: channels, rows, columns.
        classes: how many logits it must give each image; None takes as many as it gives.
        network: its name, for messages and in the table.
        default: which rows are replaced unless something else is asked for; every one that can be
            but the first and the last, where None.
        sources: texts of the files that it is made from.
        arguments: what else ``make`` was called with.

    Raises:
        NetworkError: when it cannot be built or called, or gives no logits of (batch, classes).
    """
    name = network or getattr(make, "__name__", "the network")
    module = build_meta(make, name).eval()
    calls: Calls = {}
    order: list[str] = []
    output = _call(module, image, name, calls, order)
    found = _count_classes(output, classes, name)
    _check_training(module, image, found, name)
    rows = _rows(module, calls, order)
    counted = sum(row.parameters for row in rows)
    total = sum(parameter.numel() for parameter in module.parameters())
    table_rows = tuple(sorted(rows, key=lambda row: (row.position < 0, row.position)))
    chosen = default(table_rows) if default else _all_but_ends(table_rows)
    return LayerTable(
        network=name,
        image=image,
        classes=found,
        rows=table_rows,
        default=chosen,
        other_parameters=total - counted,
        sources=sources or {},
        arguments=arguments or {},
    )


def build_meta(make: Make, name: str = "the network") -> nn.Module:
    """The network on the meta device; built on the CPU first where its constructor needs values.

    Raises:
        NetworkError: when it cannot be built, or is no Module.
    """
    with _without_traces():
        try:
            with torch.device("meta"):
                module = make()
        except (Exception, SystemExit):
            try:
                module = make()
            except (Exception, SystemExit) as problem:
                raise NetworkError(f"{name} cannot be built: {_words(problem)}") from problem
    if not isinstance(module, nn.Module):
        raise NetworkError(
            f"{name} must return a torch.nn.Module, got {type(module).__name__}: {module!r:.60}"
        )
    return module.to("meta")


def layers_of(module: nn.Module) -> Iterator[tuple[str, nn.Conv2d | nn.Linear]]:
    """Every convolution and matrix of a network with its name; a shared one once."""
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and not isinstance(layer, nn.LazyConv2d):
            yield name, layer


@contextlib.contextmanager
def _without_traces() -> Iterator[None]:
    """What a constructor draws and prints leaves no trace in this process."""
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(None):
        yield


@torch.no_grad()
def _call(
    module: nn.Module, image: tuple[int, int, int], name: str, calls: Calls, order: list[str]
) -> Any:
    names = {layer: where for where, layer in layers_of(module)}

    def watch(layer: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], _: Any) -> None:
        where, x = names[layer], inputs[0] if inputs else named["input"]
        if where not in calls:
            order.append(where)
        calls.setdefault(where, []).append(_extent(layer, x))

    hooks = [layer.register_forward_hook(watch, with_kwargs=True) for layer in names]
    try:
        with _without_traces():
            return module(torch.empty(BATCH, *image, device="meta"))
    except (Exception, SystemExit) as problem:
        shape = " x ".join(map(str, image))
        raise NetworkError(
            f"{name} cannot be called with images of {shape}: {_words(problem)}"
            f"{_where(problem)}; every layer must follow from the image's size alone"
        ) from problem
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def _check_training(
    module: nn.Module, image: tuple[int, int, int], classes: int, name: str
) -> None:
    """Raises NetworkError where training gives something else: heads of its own, say."""
    try:
        with _without_traces():
            output = module.train()(torch.empty(BATCH, *image, device="meta"))
    except Exception:  # what it draws may decide what it does, which no shape can tell
        return
    finally:
        module.eval()
    _count_classes(output, classes, f"{name}, as it trains,")


def _extent(layer: nn.Module, x: Tensor) -> Pair:
    """Rows and columns of the input; of a matrix how many vectors an image has, and 1."""
    if isinstance(layer, nn.Conv2d):
        return x.shape[-2], x.shape[-1]
    return x.numel() // x.shape[-1] // BATCH, 1


def _rows(module: nn.Module, calls: Calls, order: list[str]) -> list[LayerRow]:
    owners = Counter(
        id(parameter) for one in module.modules() for parameter in one.parameters(recurse=False)
    )
    positions = {name: number for number, name in enumerate(order)}
    return [
        _row(name, layer, calls.get(name, []), positions.get(name, -1), owners)
        for name, layer in layers_of(module)
    ]


def _row(
    name: str,
    layer: nn.Conv2d | nn.Linear,
    inputs: list[Pair],
    position: int,
    owners: Mapping[int, int],
) -> LayerRow:
    obstacle = _obstacle(layer, owners)
    seen = tuple(inputs)
    if isinstance(layer, nn.Linear):
        return LayerRow(
            name,
            "linear",
            layer.in_features,
            layer.out_features,
            seen,
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
        seen,
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


def _obstacle(layer: nn.Conv2d | nn.Linear, owners: Mapping[int, int]) -> str:
    """Why factors cannot stand for the layer, whatever its shape."""
    kind = nn.Conv2d if isinstance(layer, nn.Conv2d) else nn.Linear
    own = type(layer)
    weight = layer._parameters.get("weight")
    if weight is None:
        return "its weight is computed from other parameters"
    if own.forward is not kind.forward or (
        kind is nn.Conv2d and own._conv_forward is not nn.Conv2d._conv_forward
    ):
        return f"a {own.__name__} computes something of its own"
    if owners[id(weight)] > 1:
        return "its weight is shared with another layer"
    return ""


def _all_but_ends(rows: tuple[LayerRow, ...]) -> tuple[str, ...]:
    called = [row.position for row in rows if row.position >= 0]
    ends = {min(called), max(called)} if called else set()
    return tuple(row.name for row in rows if not row.reason and row.position not in ends)


def _count_classes(output: Any, classes: int | None, name: str) -> int:
    wanted = f"logits of shape (batch, {classes or 'classes'})"
    if not isinstance(output, Tensor):
        keys = f" with the keys {', '.join(map(str, output))}" if isinstance(output, dict) else ""
        raise NetworkError(
            f"{name} must return {wanted}, got a {type(output).__name__}{keys}; "
            "wrap it in a module that returns the logits alone"
        )
    if output.dim() != 2 or output.shape[0] != BATCH or classes not in (None, output.shape[1]):
        got = ("batch", *output.shape[1:]) if output.shape[:1] == (BATCH,) else output.shape
        raise NetworkError(f"{name} must return {wanted}, got ({', '.join(map(str, got))})")
    return output.shape[1]


def _words(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}".splitlines()[0]


def _where(problem: BaseException) -> str:
    """The last line of the network's own code that was running."""
    torch_folder = str(inspect.getfile(torch)).removesuffix("__init__.py")
    frames = [
        frame
        for frame in traceback.extract_tb(problem.__traceback__)
        if not frame.filename.startswith(torch_folder) and frame.filename != __file__
    ]
    if not frames:
        return ""
    last = frames[-1]
    return f" (in {last.filename}, line {last.lineno}: {last.line})"
