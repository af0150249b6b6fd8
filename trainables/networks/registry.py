"""Every kind of networks, by the beginning of their names."""

from __future__ import annotations

import dataclasses
import re
from functools import partial
from pathlib import Path

from torch import nn

from trainables.architectures.layer_table import LayerTable
from trainables.architectures.read_files import as_sources, changed_files, files_read
from trainables.architectures.resnet9 import RESNET9, resnet9_table
from trainables.files.one_place import seen_from_here
from trainables.networks import libraries, wide_resnet
from trainables.networks.from_file import source_file
from trainables.networks.from_file.batch_mixing import answers_alike
from trainables.networks.from_file.source_file import link_target, read_texts
from trainables.networks.from_file.tensor_files import tensor_files_noted
from trainables.networks.network_error import NetworkError
from trainables.networks.origin import Origin
from trainables.networks.reference import Reference, read_reference
from trainables.networks.trace import build_meta, initialized, trace
from trainables.text.call import plain_defaults, without_defaults, write_call


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
        make = origin.make(reference, classes, sources)
        defaults = plain_defaults(make.func) | make.keywords
        arguments = without_defaults(reference.arguments, defaults)
        table = trace(
            partial(make, **reference.arguments),
            image=(3, image_size, image_size),
            classes=classes,
            network=write_call(reference.name, arguments),
            default=origin.default,
            sources=sources,
            arguments=arguments,
        )
    table = dataclasses.replace(table, defaults=defaults)
    if not sources:  # a library's network is known by the library's version
        return table
    path, _, function = reference.name.rpartition(":")
    file = Path(path).expanduser().absolute()
    others = as_sources(files - {file.parent / name for name in sources}, file.parent)
    if not others and (target := link_target(file, sources)) is not None:
        file, sources = target, read_texts(target)
    return dataclasses.replace(
        table,
        network=write_call(f"{seen_from_here(file)}:{function}", arguments),
        sources={**others, **sources},
        folder=str(file.parent),
        caveat=answers_alike(partial(make, **reference.arguments), table.image),
    )


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
    make = origin.make(reference, table.classes, table.sources)
    return initialized(make(**reference.arguments), table.image)


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
        lambda reference, classes, sources: partial(_not_traced),
    ),
    "wrn": wide_resnet.ORIGIN,
    "torchvision": libraries.TORCHVISION,
    "timm": libraries.TIMM,
    "file": source_file.ORIGIN,
}
