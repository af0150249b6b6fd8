"""Imports Ray Tune without two large packages that a search does not use."""

from __future__ import annotations

import contextlib
import importlib
import sys
from types import ModuleType
from typing import Any

WANTED_AT_ONCE = {"pandas": "DataFrame", "ray.data": "Dataset"}
"""The class of each package that an annotation in Tune names as it is imported."""


def import_tune(*spared: str) -> None:
    """Imports ``ray.tune`` without the ``spared`` of the packages that it imports in vain.

    pandas and Ray Data are half of its import: .24 core seconds in every process. Tune uses them
    for tables of results and for data sets of Ray's, which then import the package after all.
    Afterwards either can be imported as ever.
    """
    if "ray.tune" in sys.modules:
        return
    importlib.import_module("ray")
    absent = {name: _stand_in(name) for name in spared if name not in sys.modules}
    sys.modules.update(absent)
    try:
        importlib.import_module("ray.tune")
    finally:
        for name, stand_in in absent.items():
            del sys.modules[name]
            delattr(stand_in, WANTED_AT_ONCE[name])
    if "ray.data" in absent:  # what Tune saves of a search would import it, to look for data sets
        state: Any = importlib.import_module("ray.tune.execution.experiment_state")
        state.out_of_band_serialize_dataset = contextlib.nullcontext


def _stand_in(name: str) -> ModuleType:
    """A module that imports the one it stands for when something of it is used."""
    module = ModuleType(name)

    def attribute(wanted: str) -> object:
        if wanted.startswith("__"):
            raise AttributeError(wanted)
        return getattr(importlib.import_module(name), wanted)

    module.__getattr__ = attribute  # type: ignore[method-assign]
    setattr(module, WANTED_AT_ONCE[name], type(WANTED_AT_ONCE[name], (), {}))
    return module
