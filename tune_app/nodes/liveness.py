"""Whether Ray still runs: asked before it is waited for, since a dead Ray hangs or aborts."""

from __future__ import annotations

from tune_app.command.errors import HeadLostError, RayLostError
from tune_app.nodes.head_watch import HeadWatch
from tune_app.nodes.ray_internals import ended_processes

_head: list[HeadWatch] = []
"""Of the cluster that this process has joined, as Ray's own client is one a process."""


def watch_head(address: str) -> None:
    """Lets ``check_alive`` know whether the head of a joined cluster answers."""
    forget_head()
    _head.append(HeadWatch(address))


def forget_head() -> None:
    """This process has left the cluster."""
    while _head:
        _head.pop().close()


def check_alive(*, ask: bool = True) -> None:
    """Looks whether Ray's own processes run; where it was joined, whether any node is alive.

    Ray's control store is no longer asked once it is dead: it would not answer, and Ray ends the
    whole process ``RAY_gcs_rpc_server_reconnect_timeout_s`` after its death. Without ``ask`` it is
    never asked: nothing is sent.

    Raises:
        RayLostError: where Ray has ended; a HeadLostError where it is a joined cluster's head.
    """
    import ray

    if ended := ended_processes():
        raise RayLostError(f"Ray's {' and '.join(ended)} ended")
    if _head and (silent := _head[0].silent_seconds) is not None:
        raise HeadLostError(
            f"the cluster's head {_head[0].address} has not answered for {silent:.0f} s"
        )
    if not ask:
        return
    try:
        alive = ray.is_initialized() and any(node["Alive"] for node in ray.nodes())
    except Exception as problem:  # what Ray raises depends on how far it had come
        raise RayLostError(f"Ray does not answer: {problem}") from problem
    if not alive:
        raise RayLostError("Ray has lost its last node")
