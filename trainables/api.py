"""Low-rank networks in your own program.

>>> table = trace(make_net, image=(3, 64, 64))
>>> size = fit(table, layer="tucker2", compression=0.25)
>>> net = substitute(make_net(), size)      # a plain nn.Module, train it your own way
>>> net = load_network("results/shrink", trial_id)      # what a study trained
"""

from __future__ import annotations

from numbers import Integral, Real
from pathlib import Path
from typing import Any

from torch import nn

from trainables.compression.trained import load_trained
from trainables.networks.substitute import substitute
from trainables.networks.trace import trace
from trainables.sizes.architecture import Architecture
from trainables.sizes.layer_table import LayerTable
from trainables.sizes.network import NetworkSize, size_network
from trainables.text.suggestion import did_you_mean

__all__ = ["fit", "load_network", "substitute", "trace"]


def fit(table: LayerTable, layer: str, **size: Any) -> NetworkSize:
    """The network that a family makes of a table: exact counts, before anything is built.

    Args:
        table: what ``trace`` returns.
        layer: a family, such as ``tucker2``; ``python -m trainables layers NETWORK`` lists them.
        size: one of ``rank``, ``rank_scale``, ``rank_divisor``, ``parameters``, ``compression`` (a
            share of the dense network's parameters) and ``ranks``; beside it ``dims``, ``replace``
            and ``keep``.

    Raises:
        InfeasibleError: where no network of the family fills the budget; names the nearest.
        SelectionError: where ``replace`` or ``keep`` match nothing.
        ValueError: for an unknown family, and for a size that is given twice or not at all.
        TypeError: for an unknown key, and for values of another type; names all.
    """
    if problems := _problems(table, size):
        raise TypeError("; ".join(problems))
    return size_network(Architecture(layer, table=table, classes=table.classes, **size))


WHOLE = ("rank", "rank_divisor", "parameters", "dims")
SHARES = ("rank_scale", "compression")
TEXTS = ("ranks", "replace", "keep")


def _problems(table: object, size: dict[str, Any]) -> list[str]:
    known = (*WHOLE, *SHARES, *TEXTS)
    kinds = {
        **dict.fromkeys(WHOLE, (Integral, "a whole number")),
        **dict.fromkeys(SHARES, (Real, "a number")),
        **dict.fromkeys(TEXTS, (str, "a text")),
    }
    problems = [
        f"fit has no {name!r}: it takes {', '.join(known)}{did_you_mean(name, known)}"
        for name in size
        if name not in known
    ]
    problems += [
        f"{name} must be {what}, got {size[name]!r}"
        for name, (kind, what) in kinds.items()
        if size.get(name) is not None
        and (not isinstance(size[name], kind) or isinstance(size[name], bool))
    ]
    if not isinstance(table, LayerTable):
        problems.append(f"table must be what trace returns, got a {type(table).__name__}")
    return problems


def load_network(study: str | Path, trial_id: str) -> nn.Module:
    """What a trial of a study has trained: its furthest checkpoint, in evaluation mode.

    Raises:
        TrialError: where the study has no such trial; names the nearest.
    """
    return load_trained(Path(study), trial_id).network
