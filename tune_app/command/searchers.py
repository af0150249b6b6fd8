"""Every searcher by name. A searcher proposes trials: see ``deciding/searcher.py``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Points(Enum):
    """What a plan lists for a searcher, before anything runs."""

    GRID = "every grid point"
    SAMPLE = "a random sample"
    PROPOSED = "nothing: the searcher proposes from the results so far"


@dataclass(frozen=True)
class SearcherEntry:
    """``make`` is the "module:name" of a function of a ``SearchContext``, imported when used."""

    help: str
    points: Points
    make: str


SEARCHERS = {
    "grid": SearcherEntry(
        "every combination of the grid points",
        Points.GRID,
        "tune_app.deciding.list_searcher:ListSearcher",
    ),
    "random": SearcherEntry(
        "draws independently of the results",
        Points.SAMPLE,
        "tune_app.deciding.list_searcher:ListSearcher",
    ),
    "optuna": SearcherEntry(
        "proposes from the results so far, as the search runs",
        Points.PROPOSED,
        "tune_app.deciding.optuna_search:OptunaSearch",
    ),
}
