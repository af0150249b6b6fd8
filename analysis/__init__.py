"""Reading a finished or running study: frames, statistics, charts, report, TensorBoard.

Example:
    >>> from analysis import load_study, replicates
    >>> study = load_study("docs/tour_study")
    >>> replicates(study)[["label", "n"]].head(1).values.tolist()
    [['dense', 2]]
    >>> study.trials["status"].value_counts().to_dict()
    {'finished': 12}
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would take the program milliseconds in which Ctrl-C is ugly
    from typing import Any

    from analysis.claims.comparison import named_contrast
    from analysis.study.best import best_by_value
    from analysis.study.configurations import grid
    from analysis.study.confirmation import confirmations
    from analysis.study.importances import key_importances
    from analysis.study.replicates import pareto_front, replicates
    from analysis.study.rungs import reached_rungs
    from analysis.study.study import Study, load_study

__all__ = [
    "Study",
    "best_by_value",
    "confirmations",
    "grid",
    "key_importances",
    "load_study",
    "named_contrast",
    "pareto_front",
    "reached_rungs",
    "replicates",
]

_MODULES = {
    "Study": "analysis.study.study",
    "best_by_value": "analysis.study.best",
    "confirmations": "analysis.study.confirmation",
    "grid": "analysis.study.configurations",
    "key_importances": "analysis.study.importances",
    "load_study": "analysis.study.study",
    "named_contrast": "analysis.claims.comparison",
    "pareto_front": "analysis.study.replicates",
    "reached_rungs": "analysis.study.rungs",
    "replicates": "analysis.study.replicates",
}


def __getattr__(name: str) -> Any:
    """Loads a name at first use: writing a ledger need not wait for pandas."""
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
