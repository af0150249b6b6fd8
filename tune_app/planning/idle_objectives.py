"""Objectives that nothing looks at: told, not ignored."""

from __future__ import annotations

from collections.abc import Sequence

from tune_app.command.schedulers import SCHEDULERS
from tune_app.command.searchers import SEARCHERS, Points


def idle_objectives(objectives: Sequence[str], search: str, scheduler: str) -> list[str]:
    """A sentence on objectives beside accuracy, where nothing looks at them."""
    if len(objectives) < 2 or SCHEDULERS[scheduler].stops:
        return []
    if SEARCHERS[search].points is Points.PROPOSED:
        return []
    return [
        f"--objective {','.join(objectives)} has no effect on --search {search} without a "
        "scheduler: what runs does not depend on the results; --search optuna or --scheduler asha "
        "would take it into account"
    ]
