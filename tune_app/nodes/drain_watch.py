"""Detects hosts that are about to be taken away, such as spot machines, while they still run."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from tune_app.nodes.liveness import may_ask
from tune_app.nodes.ray_internals import draining_nodes

REFRESH_SECONDS = 2.0
"""Interval between checks; the shortest notice of a cloud is half a minute."""


class DrainWatch:
    """The addresses, by id, of nodes that Ray is draining and that still run."""

    def __init__(
        self,
        *,
        ask: Callable[[], dict[str, float]] = draining_nodes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._clock = ask, clock
        self._asked_at = float("-inf")
        self._leaving: dict[str, str] = {}

    def __call__(self) -> dict[str, str]:
        """Asks Ray anew every few seconds."""
        if self._clock() - self._asked_at >= REFRESH_SECONDS and may_ask():
            self._asked_at = self._clock()
            leaving = self._ask()
            self._leaving = _addresses(leaving.keys()) if leaving else {}
        return self._leaving


def _addresses(node_ids: Collection[str]) -> dict[str, str]:
    import ray

    alive = (node for node in ray.nodes() if node["Alive"] and node["NodeID"] in node_ids)
    return {node["NodeID"]: str(node["NodeManagerAddress"]) for node in alive}
