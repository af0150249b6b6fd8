"""The ways of giving a network its size; exactly one is used."""

from collections.abc import Mapping
from typing import Any

RANK_KEYS = ("rank_divisor", "rank_scale", "rank")
"""One rank for every layer, see RankRule."""

BUDGET_KEYS = ("parameters", "compression")
"""A number of parameters, or a share of the dense network's: the largest rank within it."""

SIZE_KEYS = (*RANK_KEYS, *BUDGET_KEYS, "ranks")
"""All of them; `ranks` gives each layer its own."""


def given_sizes(values: Mapping[str, Any]) -> list[str]:
    """Which of the ways are used."""
    return [name for name in SIZE_KEYS if values.get(name) is not None]


def size_problem(layer: str, values: Mapping[str, Any], *, ranked: bool) -> str:
    """What is wrong with the size that a family is given; "" for nothing."""
    given = given_sizes(values)
    if len(given) > 1:
        return f"a size is given once, got {' and '.join(given)}; keep one of them"
    if ranked and not given:
        return f"layer {layer!r} needs one of {', '.join(SIZE_KEYS)}, got none"
    return ""
