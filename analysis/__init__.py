"""Reading a finished or running study: frames, statistics, charts, report, TensorBoard.

Example:
    >>> from analysis import load_study
    >>> study = load_study("docs/tour_study")
    >>> study.replicates[["label", "n"]].head(1).values.tolist()
    [['dense', 2]]
    >>> study.trials["status"].value_counts().to_dict()
    {'finished': 12}
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.claims.comparison import named_contrast
    from analysis.study.confirmation import confirmations
    from analysis.study.study import Study, load_study

__all__ = ["Study", "confirmations", "load_study", "named_contrast"]

_MODULES = {
    "Study": "analysis.study.study",
    "load_study": "analysis.study.study",
    "confirmations": "analysis.study.confirmation",
    "named_contrast": "analysis.claims.comparison",
}


def __getattr__(name: str) -> Any:
    """Loads what is asked for: whoever writes a ledger does not wait for pandas."""
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
