"""The interface of a kind of networks, which the beginning of a name selects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from torch import nn

from trainables.architectures.layer_table import LayerRow
from trainables.networks.reference import Reference

Sources = Mapping[str, str]
Call = partial[nn.Module]


@dataclass(frozen=True)
class Origin:
    """One kind of network.

    pattern: which names are of this kind. written: how people write them. help: one line.
    make: from the name, the number of classes and the texts of its files, the call that builds
        the module where no further arguments are given. sources: the texts of the files that a
        network of this name needs.
    default: which layers are replaced unless something else is asked for; None is every one that
        can be but the first and the last.
    """

    pattern: str
    written: str
    help: str
    make: Callable[[Reference, int, Sources], Call]
    sources: Callable[[Reference], Sources] = lambda reference: {}
    default: Callable[[tuple[LayerRow, ...]], tuple[str, ...]] | None = None
