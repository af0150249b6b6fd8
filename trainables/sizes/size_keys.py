"""The keys that give a network its size; a trial uses exactly one."""

from collections.abc import Mapping
from typing import Any

RANK_KEYS = ("rank_divisor", "rank_scale", "rank")
"""Keys that give one rank for all layers, see RankRule."""

BUDGET_KEYS = ("parameters", "compression")
"""Keys that give a budget, as a number of parameters or a share of the dense network's."""

SIZE_KEYS = (*RANK_KEYS, *BUDGET_KEYS, "ranks")
"""All keys of size; `ranks` gives each layer its own ranks."""

SHAPE_KEYS = (*SIZE_KEYS, "dims")
NETWORK_KEYS = (*SHAPE_KEYS, "layer", "width", "network", "replace", "keep", "budget_side")
"""The keys that decide a network's shapes, and with them its size."""

EQUAL_SIZE = 0.03
"""Two networks are of equal size when their parameters differ by at most this share."""


def given_sizes(values: Mapping[str, Any]) -> list[str]:
    """Which of the keys of size have a value."""
    return [name for name in SIZE_KEYS if values.get(name) is not None]


def size_problem(layer: str, values: Mapping[str, Any], *, ranked: bool) -> str:
    """What is wrong with the keys of size for a layer family; "" if nothing is."""
    given = given_sizes(values)
    if len(given) > 1:
        return f"give the size by one key, got {' and '.join(given)}; keep one of them"
    if ranked and not given:
        return f"layer {layer!r} needs one of {', '.join(SIZE_KEYS)}, got none"
    return ""
