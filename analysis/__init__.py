"""Reading a finished or running study: frames, statistics, charts, report, TensorBoard."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.study import Study, load_study

__all__ = ["Study", "load_study"]


def __getattr__(name: str) -> Any:
    """Loads the reader when it is asked for: whoever writes a ledger does not wait for pandas."""
    if name in __all__:
        return getattr(importlib.import_module("analysis.study"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
