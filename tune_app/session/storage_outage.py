"""A storage that takes no checkpoints: reported once with its name, and once when it recovers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tune_app.command.output import LOG
from tune_app.record.storage import without_secrets
from tune_app.session.duration import format_duration

TOLD_AFTER_SECONDS = 10.0


@dataclass
class StorageOutage:
    """Collects from each trial how long the storage has refused its checkpoints."""

    storage: str
    clock: Callable[[], float] = time.monotonic
    _away: dict[str, float] = field(default_factory=dict)  # by trial: since when
    _since: float | None = None  # start of the outage that was reported

    def heard(self, trial_id: str, away_seconds: float) -> None:
        """A trial reported; 0 says that its storage takes what it is given."""
        if away_seconds <= 0:
            self.forget(trial_id)
            return
        self._away[trial_id] = self.clock() - away_seconds
        if self._since is None and away_seconds >= TOLD_AFTER_SECONDS:
            self._since = self._away[trial_id]
            LOG.info(
                "the storage %s has not answered for %s: training goes on, checkpoints wait",
                without_secrets(self.storage),
                format_duration(away_seconds),
            )

    def forget(self, trial_id: str) -> None:
        """A trial ended, or its storage takes checkpoints again."""
        self._away.pop(trial_id, None)
        if self._since is not None and not self._away:
            lasted = format_duration(self.clock() - self._since)
            LOG.info("the storage answers again after %s", lasted)
            self._since = None
