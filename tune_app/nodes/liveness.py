"""Whether Ray still runs: checked before calls to Ray, which hang or abort when it has ended."""

from __future__ import annotations

from collections.abc import Callable

from tune_app.command.errors import HeadLostError, RayLostError
from tune_app.nodes.head_watch import HeadWatch
from tune_app.nodes.ray_internals import ended_processes

_head: list[HeadWatch] = []
"""The watch of the joined cluster's head; like Ray's client, there is one per process."""


def watch_head(address: str, *, ask: Callable[[], str] = str) -> None:
    """Makes ``check_alive`` include a cluster's head; ``ask`` returns the id of its cluster.

    Without ``ask`` a head that was started anew is not told apart.
    """
    watch = HeadWatch(address, ask=ask)  # a former watch goes on while this one asks
    forget_head()
    _head.append(watch)


def forget_head() -> None:
    """Ends that, after this process has left the cluster."""
    while _head:
        _head.pop().close()


def may_ask() -> bool:
    """Whether Ray may be asked anything: not while it is in doubt that its head still runs."""
    return not (_head and _head[0].is_in_doubt)


def check_alive(*, ask: bool = True) -> None:
    """Checks whether Ray's processes run, and in a joined cluster whether any node is alive.

    A dead control store is not asked again: it would not answer, and Ray ends the whole process
    ``RAY_gcs_rpc_server_reconnect_timeout_s`` after its death. Without ``ask`` it is never asked.

    Raises:
        RayLostError: where Ray has ended; a HeadLostError where it is a joined cluster's head.
    """
    import ray

    if ended := ended_processes():
        raise RayLostError(f"Ray's {' and '.join(ended)} ended")
    if _head and (problem := _head[0].problem):
        raise HeadLostError(f"the cluster's head {_head[0].address} {problem}")
    if not ask or not may_ask():
        return
    try:
        alive = ray.is_initialized() and any(node["Alive"] for node in ray.nodes())
    except Exception as error:  # Ray may raise anything here
        raise RayLostError(f"Ray does not answer: {error}") from error
    if not alive:
        raise RayLostError("Ray has lost its last node")
