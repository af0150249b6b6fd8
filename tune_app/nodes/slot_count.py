"""How many trials may run at once on a cluster whose nodes come and go."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from tune_app.machine.placement import Placement
from tune_app.machine.resources import Node, slots
from tune_app.nodes.cluster import nodes

REFRESH_SECONDS = 5.0


class SlotCount:
    """The slots of one resource tier, counted anew every few seconds; none on ``refused`` nodes.

    A cluster that grows by itself adds nodes for what waits. Where ``--max-concurrent`` allows more
    trials than there are slots, as many again as run now may wait, and at least one.
    """

    def __init__(
        self,
        placement: Placement,
        tier: int,
        *,
        refused: Collection[str] = (),
        ask: Callable[[], list[Node]] = nodes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._placement, self._tier = placement, tier
        self._refused, self._ask, self._clock = refused, ask, clock
        self._asked_at = float("-inf")
        self._counted = 1

    def __call__(self) -> int:
        """How many trials fit now; Ray is asked again every few seconds."""
        if self._clock() - self._asked_at >= REFRESH_SECONDS:
            self._asked_at = self._clock()
            usable = [node for node in self._ask() if node.id not in self._refused]
            there = slots(usable, self._placement.resources(self._tier))
            most = self._placement.max_concurrent or there
            waiting = max(1, there) if self._placement.is_joined else 0
            self._counted = max(1, min(most, there + waiting))
        return self._counted
