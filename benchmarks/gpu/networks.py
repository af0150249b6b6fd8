"""The networks that stages compare: every family, at shares of the dense parameters."""

from __future__ import annotations

from typing import Any

from trainables.architectures.architecture import Architecture
from trainables.architectures.budget import InfeasibleError
from trainables.architectures.network_size import size_network
from trainables.config.train_config import ConfigError
from trainables.sizes.registry import SIZES

DIMS = (3, 2, 4, 5, 6)  # tried in turn until a budget can be filled


def some_rank(layer: str) -> dict[str, Any]:
    """The keys of a network of this family, at half of its ranks."""
    return {"layer": layer, **({"rank_scale": 0.5} if SIZES[layer].ranked else {})}


def at_share(layer: str, share: float, width: int) -> dict[str, Any]:
    """The keys of the family's largest network within a share of the dense parameters.

    A family that has no rank is what it is; one that cannot fill the share at any dims has its full
    ranks.
    """
    if not SIZES[layer].ranked:
        return {"layer": layer}
    for dims in DIMS:
        keys = {"layer": layer, "dims": dims, "compression": share}
        try:
            size_network(Architecture(width=width, **keys))
        except (InfeasibleError, ConfigError):
            continue
        return keys
    return _largest_within(layer, share, width)


def _largest_within(layer: str, share: float, width: int) -> dict[str, Any]:
    """By its integer rank, at the dims that come nearest."""
    budget = share * size_network(Architecture("dense", width=width)).parameters
    best: tuple[int, dict[str, Any]] | None = None
    for dims in DIMS if SIZES[layer].reshapes else DIMS[:1]:
        keys = {"layer": layer, "dims": dims}
        low, high = 1, 8 * width * 8 * width
        while low < high:  # the largest rank within the budget; parameters never fall with it
            middle = (low + high + 1) // 2
            fits = size_network(Architecture(width=width, rank=middle, **keys)).parameters <= budget
            low, high = (middle, high) if fits else (low, middle - 1)
        found = size_network(Architecture(width=width, rank=low, **keys)).parameters
        if best is None or found > best[0]:
            best = found, {**keys, "rank": low}
    assert best is not None
    return best[1]
