"""Low-rank networks in your own program.

>>> table = trace(make_net, image=(3, 64, 64))
>>> size = fit(table, layer="tucker2", compression=0.25)
>>> net = substitute(make_net(), size)      # a plain nn.Module, train it your own way
>>> net = load_network("results/shrink", trial_id)      # what a study trained
"""

from __future__ import annotations

import typing
import warnings
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from torch import nn

from trainables.architectures.architecture import Architecture
from trainables.architectures.layer_table import LayerTable
from trainables.architectures.network_size import NetworkSize, size_network
from trainables.compression.trained import load_trained
from trainables.networks.substitute import substitute
from trainables.networks.trace import trace
from trainables.text.suggestion import did_you_mean

__all__ = ["fit", "load_network", "substitute", "trace"]


def fit(table: LayerTable, layer: str, **size: Any) -> NetworkSize:
    """The size of a network whose layers a family replaces, with exact counts; builds nothing.

    Args:
        table: what ``trace`` returns.
        layer: a family, such as ``tucker2``; ``python -m trainables layers NETWORK`` lists them.
        size: one of ``rank``, ``rank_scale``, ``rank_divisor``, ``parameters``, ``compression`` (a
            share of the dense network's parameters) and ``ranks``; also ``dims``, ``replace`` and
            ``keep``.

    Raises:
        InfeasibleError: where no network of the family fills the budget; names the nearest.
        SelectionError: where ``replace`` or ``keep`` match nothing.
        ValueError: for an unknown family, and unless the size is given once.
        TypeError: listing unknown keys and values of a wrong type.
    """
    if problems := _problems(table, size):
        raise TypeError("; ".join(problems))
    return size_network(Architecture(layer, table=table, classes=table.classes, **size))


NOT_KEYWORDS = {"layer", "table", "classes", "width", "budget_side"}
"""Fields of an Architecture that ``fit`` sets itself, or that only ResNet-9 has."""

KINDS: dict[type, tuple[type, str]] = {
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, "a text"),
}
"""By the type of a field: the values that it takes, numpy's too, and their name in errors."""


def _problems(table: object, size: dict[str, Any]) -> list[str]:
    hints = typing.get_type_hints(Architecture)
    kinds = {
        name: next(KINDS[kind] for kind in typing.get_args(hint) or (hint,) if kind in KINDS)
        for name, hint in hints.items()
        if name not in NOT_KEYWORDS
    }
    problems = [
        f"fit has no {name!r}: it takes {', '.join(kinds)}{did_you_mean(name, kinds)}"
        for name in size
        if name not in kinds
    ]
    problems += [
        f"{name} must be {noun}, got {size[name]!r}"
        for name, (kind, noun) in kinds.items()
        if size.get(name) is not None
        and (not isinstance(size[name], kind) or isinstance(size[name], bool))
    ]
    if not isinstance(table, LayerTable):
        problems.append(f"table must be what trace returns, got a {type(table).__name__}")
    return problems


def load_network(study: str | Path, trial_id: str = "") -> nn.Module:
    """What a trial of a study has trained: its furthest checkpoint, in evaluation mode.

    Args:
        study: the study's folder, wherever it lies now; or one that ``python -m trainables train``
            or ``compress`` wrote.
        trial_id: may be left out where the folder holds one network.

    Warns where a later checkpoint is damaged and was passed over.

    Raises:
        TrialError: where the study has no such trial; names the nearest.
    """
    trained = load_trained(Path(study), trial_id)
    for note in trained.notes:
        warnings.warn(note, stacklevel=2)
    return trained.network
