"""What a network returns, and how it calls its layers, observed on the meta device."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from trainables.networks.network_error import NetworkError, where_it_failed, words_of
from trainables.sizes.spec import Call

BATCH = 2  # images of a forward pass: more than one, to recognise the batch dimension

Image = tuple[int, int, int]
Calls = dict[str, list[Tensor]]  # the inputs of each layer, in the order of first calls


def layers_of(module: nn.Module) -> Iterator[tuple[str, nn.Conv2d | nn.Linear]]:
    """Every convolution and linear layer of a network by name; a shared one once."""
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and not isinstance(layer, nn.LazyConv2d):
            yield name, layer


def holders_of(module: nn.Module) -> dict[int, list[str]]:
    """The names of the modules that hold each parameter itself, by its ``id``."""
    holders: dict[int, list[str]] = {}
    for name, submodule in module.named_modules():
        for parameter in submodule.parameters(recurse=False):
            holders.setdefault(id(parameter), []).append(name or "the network")
    return holders


def put_layer(module: nn.Module, name: str, layer: nn.Module) -> None:
    """Replaces a layer by another, under each of its names."""
    replaced = module.get_submodule(name)
    for parent in list(module.modules()):
        # named_children lists each child under one name only
        for child, existing in list(parent._modules.items()):
            if existing is replaced:
                parent.register_module(child, layer)


@contextlib.contextmanager
def without_traces() -> Iterator[None]:
    """Within, random draws and output of a constructor have no effect on this process."""
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(None):
        yield


@contextlib.contextmanager
def without_values(module: nn.Module) -> Iterator[nn.Module]:
    """Within, the network has no values; it is restored at the end, as the user may own it."""
    training = {submodule: submodule.training for submodule in module.modules()}
    swapped = to_meta(module)
    try:
        yield module
    finally:
        for held, key, value in reversed(swapped):
            held[key] = value
        for submodule, mode in training.items():
            submodule.training = mode


Swapped = list[tuple[dict[str, Any], str, Any]]


def to_meta(module: nn.Module) -> Swapped:
    """Removes the values; shared tensors stay shared, unlike with ``module.to``.

    Returns:
        the original tensors with their places.
    """
    swapped: Swapped = []
    moved: dict[int, Any] = {}
    for submodule in module.modules():
        for key, parameter in submodule._parameters.items():
            if parameter is not None and not parameter.is_meta:
                swapped.append((submodule._parameters, key, parameter))
                bare = nn.Parameter(parameter.to("meta"), parameter.requires_grad)
                submodule._parameters[key] = moved.setdefault(id(parameter), bare)
        for held in (submodule._buffers, vars(submodule)):
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
    """The inputs of each layer in a forward pass, and the result of the pass.

    Args:
        module: the network, on the meta device.
        image: channels, rows, columns.
        name: of the network, for messages.
        images: batch size.
        anew: called before another attempt, to forget a pass that failed.

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
    """Advice for a network that cannot be called."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    others = {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()} - {
        torch.float32
    }
    if others:
        kinds = ", ".join(sorted(map(str, others)))
        return f"it holds tensors of {kinds}: return it in torch.float32, in which it is trained"
    return "every layer must follow from the image's size alone"


def extents(module: nn.Module, calls: Calls, images: int) -> dict[str, tuple[Call, ...]]:
    """The calls per image, from those of a forward pass with this number of images."""
    layers = dict(layers_of(module))
    return {
        where: tuple(_extent(layers[where], x, images) for x in xs) for where, xs in calls.items()
    }


def bypassed_layers(module: nn.Module, image: Image, calls: Calls) -> set[str]:
    """Layers that a network does not call through their attribute, or treats by their type.

    A replacement would not be called, or be treated differently. This is detected with a substitute
    for all layers at once, or, where the network fails with these, for one layer after the other.
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
    """Which of these layers are called more often than their substitutes."""
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
    """A forward pass without values; if needed, also tensors that the network creates have none."""
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
    """A substitute for a layer, which it calls."""

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


def count_classes(output: Any, classes: int | None, name: str) -> int:
    """The classes of a network's output for ``BATCH`` images.

    Raises:
        NetworkError: where these are no logits, or not of so many ``classes``.
    """
    expected = f"logits of shape (batch, {classes or 'classes'})"
    if not isinstance(output, Tensor):
        keys = f" with the keys {', '.join(map(str, output))}" if isinstance(output, dict) else ""
        raise NetworkError(
            f"{name} must return {expected}, got a {type(output).__name__}{keys}; "
            "wrap it in a module that returns the logits alone"
        )
    if output.dim() != 2 or output.shape[0] != BATCH or classes not in (None, output.shape[1]):
        got = ("batch", *output.shape[1:]) if output.shape[:1] == (BATCH,) else output.shape
        flat = (
            "; flatten(1) gives them" if output.shape[2:] and output.shape[2:].numel() == 1 else ""
        )
        raise NetworkError(f"{name} must return {expected}, got ({', '.join(map(str, got))}){flat}")
    return output.shape[1]


SQUASHES = {"SoftmaxBackward0": "a softmax", "SigmoidBackward0": "a sigmoid"}
MOVES = re.compile(
    "(View|UnsafeView|ReshapeAlias|Squeeze|Unsqueeze|ToCopy|Clone|T|Transpose)Backward"
)
"""Steps that change no value, by autograd's names."""


def check_outputs(module: nn.Module, image: Image, classes: int, name: str) -> None:
    """Checks what the network returns in training, and that no output is a probability.

    Cross entropy takes logits. Of probabilities its gradient vanishes, and training is merely bad.

    Raises:
        NetworkError: where training returns something else, such as auxiliary heads; and where the
            last step is a softmax or a sigmoid.
    """
    for training in (True, False):
        called = f"{name}, as it trains," if training else name
        try:
            with without_traces(), torch.enable_grad():
                output = module.train(training)(torch.empty(BATCH, *image, device="meta"))
        except Exception:  # a random decision of the network cannot be traced by shapes
            continue
        finally:
            module.eval()
        count_classes(output, classes, called)
        step = output.grad_fn
        while step is not None and MOVES.match(step.name()):
            step = step.next_functions[0][0]
        if step is not None and step.name() in SQUASHES:
            raise NetworkError(
                f"{called} must return logits, and returns what {SQUASHES[step.name()]} made of "
                "them: leave it out, the loss has its own; the order of the classes is the same"
            )
