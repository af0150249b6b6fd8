"""Fetches the end of a failed worker's log, which is on the disk of its host."""

from __future__ import annotations

import threading
from pathlib import Path

from tune_app.command.output import LOG
from tune_app.nodes.node_call import call_on_node

LINES = 40

ANSWER_SECONDS = 60.0


class WorkerLogs:
    """Appends the end of a remote log to the file of the same name in ``folder``.

    Workers write to the same path on every host. Where that is a shared folder, nothing is done.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, trial_id: str, host: str, node: str) -> None:
        """Requests the log of a trial from the node ``node``, without waiting for it."""
        if node:
            arguments = (self._folder / f"{trial_id}.log", host, node)
            threading.Thread(target=_fetch, args=arguments, daemon=True, name="logs").start()


def _fetch(log: Path, host: str, node: str) -> None:
    import ray

    try:
        text = ray.get(call_on_node(node, last_lines, str(log)), timeout=ANSWER_SECONDS)
        here = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        if text and text not in here:
            with log.open("a", encoding="utf-8") as file:
                file.write(f"--- the end of {log} on {host}\n{text}\n---\n")
            LOG.info("the last output of the worker on host %s is in %s", host, log)
    except Exception:  # the host is gone with its disk; the record has the failure itself
        return


def last_lines(path: str) -> str:
    """The end of a file; "" where there is none."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-LINES:])
