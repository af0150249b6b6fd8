"""Notices trials that hang, and searches in which nothing moves."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

DEAF_SECONDS = 20.0
"""A driver listens several times a second, and a trial may always be silent for longer."""


@dataclass(frozen=True, slots=True)
class HangTimeouts:
    """How long silence is taken for work, in seconds.

    A trial may be silent for ``factor`` times its median epoch, at least ``floor``; for ``first``
    while there is no median (a worker starts, a graph is recorded); the whole search for
    ``standstill``.
    """

    factor: float = 10.0
    floor: float = 60.0
    first: float = 600.0
    standstill: float = 1800.0


@dataclass
class Watchdog:
    """Notes every sign of life, and names the trials that have been silent for too long."""

    timeouts: HangTimeouts = HangTimeouts()
    clock: Callable[[], float] = time.monotonic
    heard: dict[str, float] = field(default_factory=dict)
    _epochs: defaultdict[str, deque[float]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=20))
    )

    def __post_init__(self) -> None:
        self.moved = self._listened_at = self.clock()

    def started(self, trial_id: str) -> None:
        """A trial took a slot."""
        self.heard[trial_id] = self.moved = self.clock()
        self._epochs.pop(trial_id, None)

    def epoch(self, trial_id: str) -> None:
        """A trial reported."""
        now = self.clock()
        if trial_id in self.heard:
            self._epochs[trial_id].append(now - self.heard[trial_id])
        self.heard[trial_id] = self.moved = now

    def waits(self, trial_id: str) -> None:
        """A trial is alive, and waits for its storage."""
        self.heard[trial_id] = self.moved = self.clock()

    def ended(self, trial_id: str) -> None:
        """A trial freed its slot."""
        self.heard.pop(trial_id, None)
        self._epochs.pop(trial_id, None)
        self.moved = self.clock()

    def limit(self, trial_id: str) -> float:
        """Seconds of silence that the trial is allowed."""
        epochs = self._epochs.get(trial_id)
        if not epochs:
            return self.timeouts.first
        return max(self.timeouts.floor, self.timeouts.factor * statistics.median(epochs))

    def hanging(self) -> list[str]:
        """Trials that were silent for longer."""
        now = self._listen()
        return [name for name, when in self.heard.items() if now - when > self.limit(name)]

    def stands_still(self) -> bool:
        """Whether nothing has started, reported or ended for longer than a trial may be silent."""
        now = self._listen()
        longest = max((self.limit(name) for name in self.heard), default=0.0)
        return now - self.moved > max(self.timeouts.standstill, 2 * longest)

    def _listen(self) -> float:
        """The time. Silence while the driver itself stood still is nobody's.

        It was suspended, or its disk hung; what trials said meanwhile waits to be read.
        """
        now = self.clock()
        deaf, self._listened_at = now - self._listened_at, now
        if deaf > DEAF_SECONDS:
            self.moved = min(now, self.moved + deaf)
            self.heard = {name: min(now, when + deaf) for name, when in self.heard.items()}
        return now
