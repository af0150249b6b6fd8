"""Reports retries: one line per cause, however many trials it ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tune_app.command.output import LOG
from tune_app.deciding.failures import last_line
from tune_app.record.history import TrialHistory

QUIET_SECONDS = 2.0
"""Failures within this many seconds of the last one are reported together."""

AGAIN_SECONDS = 60.0
"""A cause of ``LASTING`` that was reported is reported again after so long."""

CAUSES = {
    "lost_node": "the host {host} is gone",
    "lost_worker": "workers on {host} ended without a word (killed, or the host is out of memory)",
    "low_memory": "the host {host} is low on memory, and Ray ended its workers",
    "storage": "the storage does not answer",
    "full_disk": "the disk of {host} is full",
    "unfit_node": "{host}",
    "drained_node": "the host {host} is being taken away",
}

LASTING = ("unfit_node", "low_memory")
"""Their host ends workers one after the other."""


@dataclass
class RetryReport:
    """Failures that another attempt follows, grouped by their kind and host."""

    clock: Callable[[], float] = time.monotonic
    _groups: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _lasting: set[tuple[str, str]] = field(default_factory=set)  # groups that were reported
    _last: float = 0.0
    _reported: float = 0.0

    def add(self, trial_id: str, trial: TrialHistory) -> None:
        """An attempt failed and its trial will be tried again."""
        kind = (trial.ended and trial.ended.kind) or "exception"
        message = last_line((trial.ended and trial.ended.error) or "")
        if kind not in CAUSES:
            LOG.info(
                "%s failed (%s), tries again after epoch %d%s",
                trial_id,
                kind,
                trial.epoch,
                f": {message}" if message else "",
            )
            return
        host = "" if kind == "storage" else trial.host
        if kind == "unfit_node":
            host_message = message.partition("UnfitNodeError: ")[2]  # begins with the host's name
            host = host_message or f"{host or 'a host'}: {message}"
        self._groups.setdefault((kind, host), []).append(trial_id)
        self._last = self.clock()

    def tick(self) -> None:
        """Reports the failures gathered so far, once no more arrive."""
        if not self._groups or self.clock() - self._last < QUIET_SECONDS:
            return
        if self._groups.keys() <= self._lasting and self.clock() - self._reported < AGAIN_SECONDS:
            return
        self.flush()

    def flush(self) -> None:
        """Reports the failures gathered so far."""
        for kind, host in list(self._groups):
            node = ("lost_node", host)
            if kind == "lost_worker" and node in self._groups:
                # a host's workers are reported lost before the host itself
                self._groups[node] += self._groups.pop((kind, host))
        for (kind, host), trials in self._groups.items():
            cause = CAUSES[kind] if host else CAUSES[kind].replace("the host {host}", "a host")
            one = len(trials) == 1
            LOG.info(
                "%s: %s %s %s",
                cause.format(host=host or "a host"),
                trials[0] if one else f"{len(trials)} trials",
                "goes on" if one else "go on",
                _where(kind, one=one),
            )
            if kind in LASTING:
                self._lasting.add((kind, host))
                self._reported = self.clock()
        self._groups.clear()


def _where(kind: str, *, one: bool) -> str:
    if kind == "unfit_node":
        return "elsewhere"
    return "from its last checkpoint" if one else "from their last checkpoints"
