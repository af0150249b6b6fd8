"""Imports at first use, since Ray and Optuna take seconds that ``--help`` does not need."""

from __future__ import annotations

import importlib
from typing import Any


def import_named(target: str) -> Any:
    """Imports and returns the object "module:name"."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
