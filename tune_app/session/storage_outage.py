"""A storage that takes no checkpoints: reported with its name, and once when it recovers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from trainables.files.storage import named_place
from trainables.text.duration import format_duration
from tune_app.command.output import LOG
from tune_app.record.storage import plain_reason

TOLD_AFTER_SECONDS = 10.0

TOLD_AGAIN = 6.0
"""An outage is told again each time that it has lasted so many times as long: after 10 s, 60 s,
6 min, 36 min."""


@dataclass
class StorageOutage:
    """Collects from each trial how long the storage has refused its checkpoints."""

    storage: str
    clock: Callable[[], float] = time.monotonic
    _away: dict[str, float] = field(default_factory=dict)  # by trial: since when
    _since: float | None = None  # start of the outage that was reported
    _answered: float = -math.inf  # when the storage was last told to be back
    _told_after: float = TOLD_AFTER_SECONDS  # how long an outage must last for the next line

    def heard(self, trial_id: str, away_seconds: float, problem: str = "") -> None:
        """A trial reported; 0 says that its storage takes what it is given.

        ``problem`` is what the storage last said; "" where it said nothing.
        """
        if away_seconds <= 0:
            self.forget(trial_id)
            return
        # a trial that sleeps between its tries learns later than others that the storage is back
        since = max(self.clock() - away_seconds, self._answered)
        away_seconds = self.clock() - since
        self._away[trial_id] = since
        if away_seconds >= self._told_after:
            self._since = min(self._away.values()) if self._since is None else self._since
            while self._told_after <= away_seconds:
                self._told_after *= TOLD_AGAIN
            LOG.info(
                "the storage %s has taken nothing for %s%s: training goes on, checkpoints wait",
                named_place(self.storage),
                format_duration(away_seconds),
                f" ({plain_reason(problem)})" if problem else "",
            )

    def forget(self, trial_id: str) -> None:
        """A trial ended, or its storage takes checkpoints again."""
        self._away.pop(trial_id, None)
        if self._since is not None and not self._away:
            lasted = format_duration(self.clock() - self._since)
            LOG.info("the storage answers again after %s", lasted)
            self._since, self._told_after = None, TOLD_AFTER_SECONDS
            self._answered = self.clock()
