"""With what a network calls its layers, watched on the meta device."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from trainables.networks.network_error import NetworkError, where_it_failed, words_of
from trainables.sizes.spec import Call

BATCH = 2  # images of a forward pass: more than one, to see the batch apart from the rest

Image = tuple[int, int, int]
Calls = dict[str, list[Tensor]]  # what each layer was called with, in the order of first calls


def layers_of(module: nn.Module) -> Iterator[tuple[str, nn.Conv2d | nn.Linear]]:
    """Every convolution and matrix of a network with its name; a shared one once."""
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and not isinstance(layer, nn.LazyConv2d):
            yield name, layer


def put_layer(module: nn.Module, name: str, layer: nn.Module) -> None:
    """Puts a layer in the place of another, under every name that this one has."""
    found = module.get_submodule(name)
    for parent in list(module.modules()):
        for child, one in list(parent._modules.items()):  # named_children gives a child one name
            if one is found:
                parent.register_module(child, layer)


@contextlib.contextmanager
def without_traces() -> Iterator[None]:
    """What a constructor draws and prints leaves no trace in this process."""
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(None):
        yield


@contextlib.contextmanager
def without_values(module: nn.Module) -> Iterator[nn.Module]:
    """The network without values; in the end it is as it was, since it may be somebody's own."""
    training = {one: one.training for one in module.modules()}
    swapped = to_meta(module)
    try:
        yield module
    finally:
        for held, key, value in reversed(swapped):
            held[key] = value
        for one, mode in training.items():
            one.training = mode


Swapped = list[tuple[dict[str, Any], str, Any]]


def to_meta(module: nn.Module) -> Swapped:
    """Takes the values away; what is shared stays shared, unlike with ``module.to``.

    Returns:
        what stood where.
    """
    swapped: Swapped = []
    moved: dict[int, Any] = {}
    for one in module.modules():
        for key, parameter in one._parameters.items():
            if parameter is not None and not parameter.is_meta:
                swapped.append((one._parameters, key, parameter))
                bare = nn.Parameter(parameter.to("meta"), parameter.requires_grad)
                one._parameters[key] = moved.setdefault(id(parameter), bare)
        for held in (one._buffers, vars(one)):
            for key, value in held.items():
                if isinstance(value, Tensor) and not value.is_meta:
                    swapped.append((held, key, value))
                    held[key] = value.to("meta")
    return swapped


@torch.no_grad()
def call_layers(
    module: nn.Module,
    image: Image,
    name: str,
    images: int = BATCH,
    *,
    anew: Callable[[], None] = lambda: None,
) -> tuple[Calls, Any]:
    """What each layer is called with in a forward pass, and what that returns.

    Args:
        module: the network, on the meta device.
        image: channels, rows, columns.
        name: of the network, for messages.
        images: how many it is called with.
        anew: forgets what was seen of a pass that failed, before it is tried otherwise.

    Raises:
        NetworkError: when the network cannot be called with such images.
    """
    names = {layer: where for where, layer in layers_of(module)}
    calls: Calls = {}

    def forget() -> None:
        calls.clear()
        anew()

    def watch(layer: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], _: Any) -> None:
        calls.setdefault(names[layer], []).append(inputs[0] if inputs else named["input"])

    hooks = [layer.register_forward_hook(watch, with_kwargs=True) for layer in names]
    try:
        return calls, _forward(module, image, images, forget)
    except (Exception, SystemExit) as problem:
        shape = " x ".join(map(str, image))
        raise NetworkError(
            f"{name} cannot be called with images of {shape}: {words_of(problem)}"
            f"{where_it_failed(problem)}; {_advice(module)}"
        ) from problem
    finally:
        for hook in hooks:
            hook.remove()


def _advice(module: nn.Module) -> str:
    """What may be wrong with a network that cannot be called."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    others = {one.dtype for one in tensors.values() if one.is_floating_point()} - {torch.float32}
    if others:
        kinds = ", ".join(sorted(map(str, others)))
        return f"it holds tensors of {kinds}: return it in torch.float32, in which it is trained"
    return "every layer must follow from the image's size alone"


def extents(module: nn.Module, calls: Calls, images: int) -> dict[str, tuple[Call, ...]]:
    """The calls that one image causes, of those of a forward pass with so many images."""
    layers = dict(layers_of(module))
    return {
        where: tuple(_extent(layers[where], x, images) for x in xs) for where, xs in calls.items()
    }


def bypassed_layers(module: nn.Module, image: Image, calls: Calls) -> set[str]:
    """Layers that a network calls by another way than their place in it, or by their type.

    What took their place would not be called, or not alike. Seen by putting something in each
    place; where a network does not bear that, in one place after the other.
    """
    names = list(calls)
    with contextlib.suppress(Exception):
        return _not_met(module, image, calls, names)
    bypassed = set()
    for name in names:
        try:
            bypassed |= _not_met(module, image, calls, [name])
        except Exception:
            bypassed.add(name)
    return bypassed


@torch.no_grad()
def _not_met(module: nn.Module, image: Image, calls: Calls, names: Sequence[str]) -> set[str]:
    """Which of these layers are called more often than what stands in their place."""
    met: Counter[str] = Counter()
    layers = {name: module.get_submodule(name) for name in names}
    for name, layer in layers.items():
        put_layer(module, name, _Watched(layer, name, met))
    try:
        _forward(module, image, BATCH, met.clear)
    finally:
        for name, layer in layers.items():
            put_layer(module, name, layer)
    return {name for name in names if met[name] < len(calls[name])}


def _forward(module: nn.Module, image: Image, images: int, forget: Callable[[], None]) -> Any:
    """A forward pass without values; tensors that the network makes have none, if need be."""
    x = torch.empty(images, *image, device="meta")
    with without_traces():
        try:
            return module(x)
        except Exception as problem:
            forget()
            try:
                with torch.device("meta"):
                    return module(x)
            except Exception:
                raise problem from None


class _Watched(nn.Module):
    """In the place of a layer, which it calls."""

    def __init__(self, inner: nn.Module, name: str, met: Counter[str]) -> None:
        super().__init__()
        self.inner, self.name, self.met = inner, name, met

    def forward(self, *inputs: Any, **named: Any) -> Any:
        self.met[self.name] += 1
        return self.inner(*inputs, **named)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("inner"), name)


def _extent(layer: nn.Module, x: Tensor, images: int) -> Call:
    if isinstance(layer, nn.Linear):
        return x.numel() // x.shape[-1] // images, 1
    parts = x.shape[0] // images if x.dim() == 4 else 1
    return (*x.shape[-2:], parts) if parts > 1 else (x.shape[-2], x.shape[-1])
