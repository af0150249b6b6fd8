"""The number of trials that may run at once on a cluster whose nodes change."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from trainables.text.count import plural
from tune_app.command.output import LOG
from tune_app.machine.placement import Placement
from tune_app.machine.resources import Node, slots
from tune_app.nodes.cluster import nodes
from tune_app.nodes.liveness import may_ask

REFRESH_SECONDS = 5.0


class SlotCount:
    """The slots of one resource tier, counted every few seconds, without ``refused`` nodes.

    An autoscaling cluster adds nodes for trials that wait. Where ``--max-concurrent`` allows more
    trials than there are slots, as many as are running may wait, and at least one. A change is told
    on the terminal.
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
        self._known: int | None = None

    def __call__(self) -> int:
        """The present number of slots; Ray is asked every few seconds."""
        if self._clock() - self._asked_at >= REFRESH_SECONDS and may_ask():
            self._asked_at = self._clock()
            usable = [node for node in self._ask() if node.id not in self._refused]
            slot_count = slots(usable, self._placement.resources(self._tier))
            if self._known not in (None, slot_count):
                before = f"{self._known:,} before: its nodes changed"
                LOG.info("the cluster has %s now, %s", plural(slot_count, "slot"), before)
            self._known = slot_count
            limit = self._placement.max_concurrent or slot_count
            waiting = max(1, slot_count) if self._placement.is_joined else 0
            self._counted = max(1, min(limit, slot_count + waiting))
        return self._counted
