"""Imports at first use: Ray and Optuna take seconds, for which ``--help`` need not wait."""

from __future__ import annotations

import importlib
from typing import Any


def import_named(target: str) -> Any:
    """What "module:name" names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
