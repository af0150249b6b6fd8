"""Calls a function on one node of the cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def call_on_node(node: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Ray's reference to the result.

    The call takes no slot, and is not repeated where it fails.

    Args:
        node: its id in Ray.
        function: importable there.
        *arguments: of the function.
    """
    import ray

    strategies = ray.util.scheduling_strategies
    pinned = ray.remote(function).options(
        num_cpus=0,
        max_retries=0,
        scheduling_strategy=strategies.NodeAffinitySchedulingStrategy(node, soft=False),
    )
    return pinned.remote(*arguments)
