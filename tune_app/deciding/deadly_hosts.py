"""Hosts whose workers end without a word, one after the other: out of memory, or a broken CPU."""

from __future__ import annotations

from dataclasses import dataclass, field

ROUNDS = 3
"""Fewer than a trial may lose in a row (``RetryPolicy.max_lost``): the trial survives its host."""


@dataclass
class _Losses:
    """Since the host's last finished epoch; an attempt that ran when another fell fell with it."""

    rounds: int = 0
    struck_at: float = 0.0
    trials: set[str] = field(default_factory=set)


@dataclass
class DeadlyHosts:
    """Tells such hosts from trials that end their workers wherever they run.

    A deadly host's slots are always free, so that every retry would be placed there. It is one
    where at least two trials were lost, or where no epoch was ever finished while others had some.
    """

    _proven: set[str] = field(default_factory=set)  # hosts on which an epoch was finished
    _losses: dict[str, _Losses] = field(default_factory=dict)

    def epoch(self, host: str) -> None:
        """An epoch was finished there."""
        self._proven.add(host)
        self._losses.pop(host, None)

    def lost(self, host: str, trial_id: str, proposed_at: float, now: float) -> bool:
        """A worker was lost there; whether the host should get no more trials."""
        losses = self._losses.setdefault(host, _Losses())
        losses.trials.add(trial_id)
        if proposed_at > losses.struck_at:
            losses.rounds, losses.struck_at = losses.rounds + 1, now
        is_host = len(losses.trials) > 1 or (self._proven and host not in self._proven)
        if not (host and losses.rounds >= ROUNDS and is_host):
            return False
        del self._losses[host]  # Ray may be started there again, and is then judged anew
        return True
