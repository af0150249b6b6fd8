"""Whether Ray still runs: asked before it is waited for, since a dead Ray hangs or aborts."""

from __future__ import annotations

from tune_app.command.errors import RayLostError
from tune_app.nodes.ray_internals import ended_processes


def check_alive(*, ask: bool = True) -> None:
    """Looks whether Ray's own processes run; where it was joined, whether any node is alive.

    Ray's control store is no longer asked once it is dead: it would not answer, and Ray ends the
    whole process ``RAY_gcs_rpc_server_reconnect_timeout_s`` after its death. Without ``ask`` it is
    never asked: nothing is sent.

    Raises:
        RayLostError: where Ray has ended.
    """
    import ray

    if ended := ended_processes():
        raise RayLostError(f"Ray's {' and '.join(ended)} ended")
    if not ask:
        return
    try:
        alive = ray.is_initialized() and any(node["Alive"] for node in ray.nodes())
    except Exception as problem:  # what Ray raises depends on how far it had come
        raise RayLostError(f"Ray does not answer: {problem}") from problem
    if not alive:
        raise RayLostError("Ray has lost its last node")
