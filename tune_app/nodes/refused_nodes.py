"""Nodes whose workers said that they cannot train: no more trials go there.

What is known stands in the module: Tune pickles what places its trials, and asks a copy. A host
that was mended has another id once its Ray is started anew.
"""

from __future__ import annotations

from typing import Any

from tune_app.machine.resources import TrialResources
from tune_app.nodes.cluster import nodes

NODE_ID = "ray.io/node-id"
"""The label that Ray gives each node."""

refused_ids: set[str] = set()
"""Of the cluster that this process has joined."""


def refuse(host: str) -> None:
    """A worker on the host ``host`` said that it cannot train."""
    refused_ids.update(node.id for node in nodes() if node.name == host)


def placement_options(resources: TrialResources) -> dict[str, Any]:
    """What keeps a placement group off those nodes; nothing where no other would take it.

    Ray would wait for ever for another, and a search that every node refuses is to end.
    """
    if not refused_ids:
        return {}
    others = [node for node in nodes() if node.id not in refused_ids and node.capacity(resources)]
    selector = {NODE_ID: f"!in({', '.join(sorted(refused_ids))})"}
    return {"bundle_label_selector": [selector]} if others else {}
