"""Nodes whose workers reported that they cannot train: no more trials are placed there.

The ids are in a module variable, because Tune pickles the object that places trials and uses the
copy. A host that was repaired has another id after its Ray is restarted.
"""

from __future__ import annotations

from typing import Any

from tune_app.machine.resources import TrialResources
from tune_app.nodes.cluster import nodes

NODE_ID = "ray.io/node-id"
"""The label that Ray gives each node."""

refused_ids: set[str] = set()
"""Ids of refused nodes in the cluster that this process has joined."""


def refuse(host: str) -> None:
    """Adds the nodes of a host on which a worker reported that it cannot train."""
    refused_ids.update(node.id for node in nodes() if node.name == host)


def refuse_unless_last(host: str, resources: TrialResources) -> bool:
    """Adds a host's nodes where others can take trials; whether any was added."""
    usable = [node for node in nodes() if node.id not in refused_ids and node.capacity(resources)]
    fresh = {node.id for node in usable if node.name == host}
    if not fresh or len(fresh) == len(usable):
        return False
    refused_ids.update(fresh)
    return True


def placement_options(resources: TrialResources) -> dict[str, Any]:
    """Options that keep a placement group off refused nodes; empty where no other node fits.

    Ray would wait for ever for another node, but a search ends when every node refuses.
    """
    if not refused_ids:
        return {}
    others = [node for node in nodes() if node.id not in refused_ids and node.capacity(resources)]
    selector = {NODE_ID: f"!in({', '.join(sorted(refused_ids))})"}
    return {"bundle_label_selector": [selector]} if others else {}
