"""Whether a chosen value lies at an end of its grid, so that the optimum may lie beyond it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from analysis.statistics.contrasts import estimate

NATURAL = {
    "weight_decay": (0.0,),
    "weight_decay_scaling": (0.0, 1.0),
    "rank_scale": (1.0,),
    "rank": (1,),
    "dims": (2,),
    "label_smoothing": (0.0,),
}
"""Values at the end of a key's range, such as no decay: an optimum there needs no wider grid."""


GAINS = 0.05
"""One-sided significance level of the test of a grid's last value against the one before it."""


def values_of(space: Mapping[str, Any], key: str) -> list[Any]:
    """The values of a key's grid; none where it is sampled, or fixed."""
    domain = ((space.get("keys") or {}).get(key) or {}).get("domain") or {}
    return list(domain.get("values") or domain.get("grid") or ())


def searched_values(space: Mapping[str, Any], key: str) -> list[float]:
    """The values of a key's grid, lowest first; its bounds where it was sampled."""
    domain = ((space.get("keys") or {}).get(key) or {}).get("domain") or {}
    values = values_of(space, key) or [domain.get("low"), domain.get("high")]
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    return sorted(float(value) for value in numbers)


def edge(space: Mapping[str, Any], key: str, value: float) -> str | None:
    """Which way to widen the key's grid, "upwards" or "downwards"; None for a value inside it."""
    values = searched_values(space, key)
    if len(values) < 2 or value in NATURAL.get(key, ()):
        return None
    if value <= values[0]:
        return "downwards"
    return "upwards" if value >= values[-1] else None


def edges(space: Mapping[str, Any], key: str, values: Iterable[float]) -> list[str]:
    """Which ways to widen a grid so that all these values lie inside."""
    ways = {edge(space, key, value) for value in values}
    return [way for way in ("upwards", "downwards") if way in ways]


def open_ways(space: Mapping[str, Any], runs: pd.DataFrame, key: str) -> list[str]:
    """At which ends of a key's grid an arm still gains, by more than chance explains.

    At each end the last value is tested against the one before it, over all blocks.

    Args:
        space: as ``study.json`` holds it.
        runs: one arm's ``outcomes`` on choosing seeds, with their ``block``.
        key: the column of the key.
    """
    values = sorted(runs[key].dropna().unique())
    if len(values) < 2 or not searched_values(space, key):
        return []
    directions = []
    for way, last, before in (("upwards", -1, -2), ("downwards", 0, 1)):
        if edge(space, key, float(values[last])) != way:
            continue
        ends = runs[runs[key].isin([values[last], values[before]])]
        gain = estimate(ends.assign(treated=ends[key] == values[last]))
        if gain.effect > 0 and gain.p < 2 * GAINS:
            directions.append(way)
    return directions
