"""Every kind of networks, by the beginning of their names."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from torch import nn

from trainables.architectures.layer_table import LayerTable
from trainables.architectures.read_files import as_sources, changed_files, files_read
from trainables.architectures.resnet9 import RESNET9, resnet9_table
from trainables.networks import libraries, wide_resnet
from trainables.networks.from_file import source_file
from trainables.networks.from_file.tensor_files import tensor_files_noted
from trainables.networks.network_error import NetworkError
from trainables.networks.origin import Origin
from trainables.networks.reference import Reference, read_reference
from trainables.networks.trace import build_meta, initialized, trace


def make_table(text: str, *, image_size: int, classes: int, width: int = 64) -> LayerTable:
    """The table of a network by its name.

    Raises:
        NetworkError: for an unknown name, and for a network that cannot be used.
    """
    if text == RESNET9:
        return resnet9_table(width, classes)
    reference, origin = _find(text)
    sources = origin.sources(reference)
    with files_read() as files, tensor_files_noted(files):
        table = trace(
            origin.make(reference, classes, sources),
            image=(3, image_size, image_size),
            classes=classes,
            network=text,
            default=origin.default,
            sources=sources,
            arguments=reference.arguments,
        )
    if not sources:  # a library's network is known by the library's version
        return table
    folder = Path(reference.name.rpartition(":")[0]).expanduser().absolute().parent
    own = {folder / name for name in sources}
    all_sources = {**as_sources(files - own, folder), **sources}
    return dataclasses.replace(table, sources=all_sources, folder=str(folder))


def make_module(table: LayerTable) -> nn.Module:
    """The network of a table, with its own initial weights, drawn from torch's generator.

    Raises:
        NetworkError: where a file that it reads is absent or has changed.
    """
    if changed := changed_files(table.sources):
        raise NetworkError(
            f"{table.network} reads {', '.join(changed)}, which is absent here or holds something "
            "else than when the trial was planned: bring it back, or plan the trial anew"
        )
    reference, origin = _find(table.network)
    if table.folder:  # a name may be relative to the folder of the plan
        name = f"{table.folder}/{Path(reference.name).name}"
        reference = dataclasses.replace(reference, name=name)
    return initialized(origin.make(reference, table.classes, table.sources)(), table.image)


def meta_module(table: LayerTable) -> nn.Module:
    """The network of a table without values, on the meta device."""
    return build_meta(lambda: make_module(table), table.network)


def _find(text: str) -> tuple[Reference, Origin]:
    reference = read_reference(text)
    for origin in NETWORKS.values():
        if re.fullmatch(origin.pattern, reference.name):
            return reference, origin
    written = [origin.written for origin in NETWORKS.values()]
    raise NetworkError(f"network must be one of {', '.join(written)}, got {text!r}")


def _not_traced() -> nn.Module:
    raise NetworkError(
        "resnet9 is RankTune's own network, which this command is not for: name another one"
    )


NETWORKS: dict[str, Origin] = {
    RESNET9: Origin(
        "resnet9",
        "resnet9",
        "ResNet-9 (Page 2018), whose channels the key width sets",
        lambda reference, classes, sources: _not_traced,
    ),
    "wrn": wide_resnet.ORIGIN,
    "torchvision": libraries.TORCHVISION,
    "timm": libraries.TIMM,
    "file": source_file.ORIGIN,
}
