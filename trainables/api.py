"""Low-rank networks in your own program.

>>> table = trace(make_net, image=(3, 64, 64))
>>> size = fit(table, layer="tucker2", compression=0.25)
>>> net = substitute(make_net(), size)      # a plain nn.Module, train it your own way
>>> net = load_network("results/shrink", trial_id)      # what a study trained
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from trainables.compression.trained import load_trained
from trainables.networks.substitute import substitute
from trainables.networks.trace import trace
from trainables.sizes.architecture import Architecture
from trainables.sizes.layer_table import LayerTable
from trainables.sizes.network import NetworkSize, size_network

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
    """
    return size_network(Architecture(layer, table=table, classes=table.classes, **size))


def load_network(study: str | Path, trial_id: str) -> nn.Module:
    """What a trial of a study has trained: its furthest checkpoint, in evaluation mode.

    Raises:
        TrialError: where the study has no such trial; names the nearest.
    """
    return load_trained(Path(study), trial_id).network
