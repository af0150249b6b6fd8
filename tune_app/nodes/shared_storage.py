"""Whether every node of a cluster can use the storage of the checkpoints."""

from __future__ import annotations

import contextlib
import secrets
from typing import Any

from trainables.files.storage import without_secrets
from tune_app.command.errors import UsageError
from tune_app.nodes.node_call import call_on_node
from tune_app.record.storage import StorageFolder


def check_shared(storage: str, timeout: float = 60.0) -> None:
    """Checks that every node reads what the driver writes to ``storage``, and the reverse.

    Raises:
        UsageError: naming the nodes that do not.
    """
    import ray  # takes two seconds

    token = secrets.token_hex(8)
    try:
        folder = StorageFolder(storage)
        folder.write(f".driver-{token}", token.encode())
    except OSError as problem:
        told = f"cannot write to --storage {without_secrets(storage)}: {problem}"
        raise UsageError([told]) from problem
    nodes = _alive()
    references = {
        node: call_on_node(node, _read_and_answer, storage, token, node) for node in nodes
    }
    # all at once, so that nodes that hang are waited for together
    answered, _ = ray.wait([*references.values()], num_returns=len(nodes), timeout=timeout)
    problems = {
        node: _node_problem(storage, nodes[node], reference)
        if reference in answered
        else f"node {nodes[node]} gave no answer in {timeout:.0f} s"
        for node, reference in references.items()
    }
    for name in (f".driver-{token}", *(f".node-{token}-{node}" for node in nodes)):
        with contextlib.suppress(OSError):
            folder.remove(name)
    still_there = _alive()
    if found := [problem for node, problem in problems.items() if problem and node in still_there]:
        raise UsageError(found)


def _alive() -> dict[str, str]:
    """The address of each node that is alive, by its id."""
    import ray

    return {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}


def _node_problem(storage: str, address: str, reference: Any) -> str:
    """Why a node that has answered does not share the storage; "" where it does."""
    import ray

    advice = "name a --storage that every node sees, a shared folder or a URI"
    try:
        StorageFolder(storage).read(ray.get(reference))
    except Exception as problem:
        reason = str(problem).strip().splitlines()[-1:] or [type(problem).__name__]
        if "failed to import on the worker" in str(problem):
            return f"node {address} lacks RankTune ({reason[0]}): install one version on every node"
        return f"node {address} does not share {without_secrets(storage)}: {reason[0]}; {advice}"
    return ""


def _read_and_answer(storage: str, token: str, node: str) -> str:
    """Runs on the node: reads the driver's token and writes its own."""
    folder = StorageFolder(storage)
    if folder.read(f".driver-{token}") != token.encode():
        raise OSError("it does not hold the token that the driver wrote")
    answer = f".node-{token}-{node}"
    folder.write(answer, token.encode())
    return answer
