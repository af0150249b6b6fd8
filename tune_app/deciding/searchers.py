"""Every searcher by name."""

from __future__ import annotations

from collections.abc import Callable

from tune_app.deciding.list_searcher import ListSearcher
from tune_app.deciding.searcher import SearchContext, Searcher


def optuna(context: SearchContext) -> Searcher:
    """Tree-structured Parzen estimators, NSGA-II for several objectives (Akiba et al. 2019)."""
    from tune_app.deciding.optuna_search import (
        OptunaSearch,  # slow to import, and needed for this one only
    )

    return OptunaSearch(context)


SEARCHERS: dict[str, Callable[[SearchContext], Searcher]] = {
    "grid": ListSearcher,
    "random": ListSearcher,
    "optuna": optuna,
}
