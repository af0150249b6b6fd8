"""Whether every node of a cluster can use the storage of the checkpoints."""

from __future__ import annotations

import contextlib
import secrets
from typing import Any

from tune_app.command.errors import UsageError
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
        raise UsageError([f"cannot write to --storage {storage}: {problem}"]) from problem
    waiting = {}
    for node in (node for node in ray.nodes() if node["Alive"]):
        pinned = ray.remote(_read_and_answer).options(
            num_cpus=0,
            max_retries=0,
            scheduling_strategy=ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
                node["NodeID"], soft=False
            ),
        )
        waiting[node["NodeID"]] = (node, pinned.remote(storage, token, node["NodeID"]))
    answers = [
        _node_problem(storage, node, reference, timeout) for node, reference in waiting.values()
    ]
    for name in (f".driver-{token}", *(f".node-{token}-{node}" for node in waiting)):
        with contextlib.suppress(OSError):
            folder.remove(name)
    alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
    problems = [
        problem for node, problem in zip(waiting, answers, strict=True) if problem and node in alive
    ]
    if problems:
        raise UsageError(problems)


def _node_problem(storage: str, node: dict[str, Any], reference: Any, timeout: float) -> str:
    import ray

    address = node["NodeManagerAddress"]
    advice = "name a --storage that every node sees, a shared folder or a URI"
    try:
        answer = ray.get(reference, timeout=timeout)
        StorageFolder(storage).read(answer)
    except ray.exceptions.GetTimeoutError:
        return f"node {address} gave no answer in {timeout:.0f} s"
    except Exception as problem:
        reason = str(problem).strip().splitlines()[-1:] or [type(problem).__name__]
        if "failed to import on the worker" in str(problem):
            return f"node {address} lacks RankTune ({reason[0]}): install one version on every node"
        return f"node {address} does not share {storage}: {reason[0]}; {advice}"
    return ""


def _read_and_answer(storage: str, token: str, node: str) -> str:
    """Runs on the node: reads the driver's token and writes its own."""
    folder = StorageFolder(storage)
    if folder.read(f".driver-{token}") != token.encode():
        raise OSError("it does not hold the token that the driver wrote")
    answer = f".node-{token}-{node}"
    folder.write(answer, token.encode())
    return answer
