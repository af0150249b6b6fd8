"""Nodes whose workers said that they cannot train: no more trials go there."""

from __future__ import annotations

from typing import Any

from tune_app.machine.resources import TrialResources
from tune_app.nodes.cluster import nodes

NODE_ID = "ray.io/node-id"
"""The label that Ray gives each node."""


class RefusedNodes:
    """The ids of those nodes. A host that is mended gets another as its Ray is started anew."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def add(self, host: str) -> None:
        """A worker on the host ``host`` refused its trial."""
        self.ids |= {node.id for node in nodes() if node.name == host}

    def placement(self, resources: TrialResources) -> dict[str, Any]:
        """What keeps a placement group off those nodes; nothing where no other would take it.

        Ray would wait for ever for another, and a search that every node refuses is to end.
        """
        if not self.ids:
            return {}
        others = [node for node in nodes() if node.id not in self.ids and node.fits(resources)]
        return {"bundle_label_selector": [self._selector()]} if others else {}

    def _selector(self) -> dict[str, str]:
        return {NODE_ID: f"!in({', '.join(sorted(self.ids))})"}
