"""Fixture studies, written once a session; a test that writes into one makes its own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.study.study import Study, load_study
from tests.analysis.simulation import renew
from tests.analysis.studies import STUDIES
from trainables.files.study_folder import LEASE


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory) -> Callable[[str], Path]:
    """The folder of a named fixture study."""
    results = tmp_path_factory.mktemp("results")
    written = functools.cache(lambda name: STUDIES[name](results / name))

    def folder(name: str) -> Path:
        if ((place := written(name)) / LEASE).is_file():  # its driver is at work
            renew(place)
        return place

    return folder


@pytest.fixture(scope="session")
def study(study_folder) -> Callable[[str], Study]:
    """A named fixture study, loaded."""
    return functools.cache(lambda name: load_study(study_folder(name)))
