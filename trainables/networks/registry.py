"""Where networks come from, by the start of their names."""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from trainables.networks.reference import Reference, read_reference
from trainables.networks.source_file import find_function, read_source, takes
from trainables.networks.trace import Make, NetworkError, trace
from trainables.networks.wide_resnet import WideResNet, block_convolutions
from trainables.sizes.layer_table import LayerRow, LayerTable
from trainables.sizes.resnet9 import RESNET9, resnet9_table

Sources = Mapping[str, str]


@dataclass(frozen=True)
class Origin:
    """One kind of network.

    pattern: which names are of this kind. written: how people write them. help: one line.
    make: from the name, the number of classes and the texts of its files, a function that builds
        the module. sources: the texts of the files that a network of this name needs.
    default: which layers are replaced unless something else is asked for; None is every one that
        can be but the first and the last.
    """

    pattern: str
    written: str
    help: str
    make: Callable[[Reference, int, Sources], Make]
    sources: Callable[[Reference], Sources] = lambda reference: {}
    default: Callable[[tuple[LayerRow, ...]], tuple[str, ...]] | None = None


def make_table(text: str, *, image_size: int, classes: int, width: int = 64) -> LayerTable:
    """The table of a network by its name.

    Raises:
        NetworkError: for an unknown name, and for a network that cannot be used.
    """
    if text == RESNET9:
        return resnet9_table(width, classes)
    reference, origin = _find(text)
    sources = origin.sources(reference)
    return trace(
        origin.make(reference, classes, sources),
        image=(3, image_size, image_size),
        classes=classes,
        network=text,
        default=origin.default,
        sources=sources,
        arguments=reference.arguments,
    )


def make_module(table: LayerTable) -> nn.Module:
    """The network of a table, with its own initial weights, drawn from torch's generator."""
    reference, origin = _find(table.network)
    return origin.make(reference, table.classes, table.sources)()


def _find(text: str) -> tuple[Reference, Origin]:
    reference = read_reference(text)
    for origin in NETWORKS.values():
        if re.fullmatch(origin.pattern, reference.name):
            return reference, origin
    written = [origin.written for origin in NETWORKS.values()]
    raise NetworkError(f"network must be one of {', '.join(written)}, got {text!r}")


def _wide_resnet(reference: Reference, classes: int, sources: Sources) -> Make:
    _, depth, width = reference.name.split("-")
    return lambda: WideResNet(int(depth), int(width), classes, **reference.arguments)


def _torchvision(reference: Reference, classes: int, sources: Sources) -> Make:
    from torchvision import models

    name = reference.name.partition(":")[2]
    known = models.list_models(module=models)
    if name not in known:
        raise NetworkError(_unknown("torchvision", name, known))
    builder = models.get_model_builder(name)
    arguments = {"weights": None, "num_classes": classes}
    if name in ("googlenet", "inception_v3"):  # heads that only training has return tuples
        arguments |= {"aux_logits": False, "init_weights": True}
    return lambda: builder(**(arguments | reference.arguments))


def _timm(reference: Reference, classes: int, sources: Sources) -> Make:
    if importlib.util.find_spec("timm") is None:
        raise NetworkError(f"{reference.text} needs timm: pip install timm")
    import timm

    name = reference.name.partition(":")[2]
    if not timm.is_model(name):
        raise NetworkError(_unknown("timm", name, timm.list_models()))
    return lambda: timm.create_model(
        name, **({"pretrained": False, "num_classes": classes} | reference.arguments)
    )


def _file(reference: Reference, classes: int, sources: Sources) -> Make:
    path, _, function = reference.name.rpartition(":")
    name = Path(path).name
    make = find_function(sources[name], name, function)
    if not takes(make, "classes"):
        raise NetworkError(f"{function} of {path} must take the argument classes")
    return lambda: make(classes=classes, **reference.arguments)


def _file_sources(reference: Reference) -> Sources:
    path = Path(reference.name.rpartition(":")[0]).expanduser()
    return {path.name: read_source(path)}


def _unknown(library: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    return f"{library} has no network {name!r}{hint}"


NETWORKS: dict[str, Origin] = {
    RESNET9: Origin(
        "resnet9",
        "resnet9",
        "ResNet-9 (Page 2018), whose channels the key width sets",
        lambda reference, classes, sources: _not_traced,
    ),
    "wrn": Origin(
        r"wrn-\d+-\d+",
        "wrn-DEPTH-WIDTH",
        "a wide residual network (Zagoruyko 2016), such as wrn-28-10",
        _wide_resnet,
        default=block_convolutions,
    ),
    "torchvision": Origin(
        r"torchvision:.+", "torchvision:NAME", "a classifier of torchvision", _torchvision
    ),
    "timm": Origin(r"timm:.+", "timm:NAME", "a network of timm, a package of its own", _timm),
    "file": Origin(
        r".+\.py:\w+",
        "FILE.py:FUNCTION",
        "a function of yours that returns a torch.nn.Module, called with classes=",
        _file,
        sources=_file_sources,
    ),
}


def _not_traced() -> nn.Module:
    raise NetworkError("resnet9 is built by build_network")
